/** How long sound takes from the audio thread to the ear. */

const LOOKS = 4;
const EVERY_MS = 250;

/**
 * What the browser says of it, asked seldom: in the first second that a device sounds, until it has settled.
 *
 * Asked at each frame drawn, Firefox on Linux froze for good in every second run of a minute: there each look is a
 * question to the sound server, which the page waits for.
 */
export class OutputLatency {
  #ms = 0;
  #looks = 0; // while it sounded
  #nextAt = 0;

  /** It may be another device from here on. */
  reset(): void {
    this.#looks = this.#nextAt = 0;
  }

  /** In ms, as far as the browser knows; 0 before it does. */
  of(context: AudioContext, isSounding: boolean): number {
    const now = performance.now();
    const isOpen = this.#looks < LOOKS && (isSounding || this.#ms === 0);
    if (!isOpen || now < this.#nextAt) return this.#ms;
    if (isSounding) this.#looks++;
    this.#nextAt = now + EVERY_MS;
    this.#ms = (context.outputLatency || context.baseLatency || 0) * 1000; // Safari has no outputLatency
    return this.#ms;
  }
}
