/** Keeps a connection alive, and notices when it is dead. */

/** Calls back after so many ms; what it returns calls it off. */
export type After = (ms: number, call: () => void) => () => void;

const CHECK_MS = 3_000;
/* Too short an answer costs a reconnection, which loses nothing. */

/**
 * A ping now and then, each a while after the answer to the one before.
 *
 * What is received starts the wait for the next, not what a timer did: in a tab that nobody looks at, Chromium runs
 * timers that were started by timers (from the fifth on, as those of setInterval are) once a minute, which is just what
 * the server allows, and all others within a second. Seen in Chromium 150: in a hidden tab setInterval(1 s) ran at 7.8,
 * 53.8 and 113.8 s, a timer of 5 s that each message starts anew every 6 s all the while.
 * https://developer.chrome.com/blog/timer-throttling-in-chrome-88
 */
export class Heartbeat {
  readonly #after: After;
  readonly #withinMs: number;
  readonly #ping: () => void;
  readonly #dead: () => void;
  #everyMs = 0;
  #isChecking = false;
  #callOffPing: (() => void) | null = null;
  #callOffDeath: (() => void) | null = null;

  /**
   * @param withinMs how long anything may take to come after a ping.
   * @param dead nothing came.
   */
  constructor(after: After, withinMs: number, ping: () => void, dead: () => void) {
    this.#after = after;
    this.#withinMs = withinMs;
    this.#ping = ping;
    this.#dead = dead;
  }

  /** A connection stands. */
  start(everyMs: number): void {
    this.stop();
    this.#everyMs = everyMs;
    this.heard();
  }

  /** Something was received. */
  heard(): void {
    this.#callOffDeath?.();
    this.#callOffDeath = null;
    this.#isChecking = false;
    this.#callOffPing ??= this.#after(this.#everyMs, () => {
      this.#callOffPing = null;
      this.#callOffDeath = this.#after(this.#withinMs, this.#dead);
      this.#ping();
    });
  }

  /** The network may have gone unnoticed: ping now, and wait less long for an answer. */
  check(): void {
    if (this.#callOffPing === null && this.#callOffDeath === null) return; // no connection
    if (this.#isChecking) return;
    this.stop();
    this.#isChecking = true;
    this.#callOffDeath = this.#after(Math.min(CHECK_MS, this.#withinMs), this.#dead);
    this.#ping();
  }

  /** The connection is gone. */
  stop(): void {
    this.#callOffPing?.();
    this.#callOffDeath?.();
    this.#callOffPing = this.#callOffDeath = null;
    this.#isChecking = false;
  }
}
