/** Keeps text messages within the rate that the server takes: one over it is not obeyed, and lost. Pure. */

const SHARE = 0.9;
/* Of the server's rate: the two clocks differ, and the network delivers by fits. */
const BURST_SHARE = 0.5;
/* Of the server's burst; the rest is for what a second of standstill on the network heaps up. */
const RESERVE = 5;
/* Kept by commands for pings and reports, which come now and then. */

/** A bucket of allowances: one for each message, refilled at the rate. */
export class Pace {
  #perMs = 0;
  #most = 0;
  #left = 0;
  #at = 0;

  /**
   * A connection begins.
   *
   * @param perSecond messages that the server takes.
   * @param burst how many of them at once.
   * @param now of a clock in ms, here and below.
   */
  start(perSecond: number, burst: number, now: number): void {
    this.#perMs = (SHARE * perSecond) / 1000;
    this.#most = Math.max(RESERVE + 1, BURST_SHARE * burst);
    this.#left = this.#most;
    this.#at = now;
  }

  /** How long until a command may be sent, in ms; 0 for at once. */
  waitMs(now: number): number {
    return Math.max(0, Math.ceil((RESERVE + 1 - this.#allowance(now)) / this.#perMs));
  }

  /** Whether anything may be sent that can as well be forgotten. */
  hasAny(now: number): boolean {
    return this.#allowance(now) >= 1;
  }

  /** A message is sent. */
  spend(now: number): void {
    this.#left = this.#allowance(now) - 1;
    this.#at = now;
  }

  #allowance(now: number): number {
    return Math.min(this.#most, this.#left + (now - this.#at) * this.#perMs);
  }
}
