/** How much of each reply has been heard, by what the audio thread says. Pure: the time is an argument. */

import type { Mark } from "./worklets/messages.js";

const REPLIES_KEPT = 16;

/** The time on the audio thread's clock, and how far the ear is behind it. */
export interface Now {
  /** In seconds. */
  at: number;
  latencyMs: number;
}

/** Follows replies from their being given to the audio thread until they are played out. */
export class Heard {
  readonly #marks = new Map<number, Mark>(); // by reply, the latest last
  readonly #heard = new Map<number, number>(); // ms told so far, by reply
  readonly #starts = new Map<number, number>(); // where the audio of replies that are not played out begins, in ms

  /** Whether there is nothing more to be heard. */
  get isAll(): boolean {
    return this.#starts.size === 0;
  }

  /** Audio of a reply was given. */
  given(reply: number, startMs: number): void {
    if (!this.#starts.has(reply)) this.#starts.set(reply, startMs);
  }

  /** The audio thread says where it is. */
  marked(mark: Mark): void {
    if (mark.done) this.#starts.delete(mark.reply);
    this.#marks.delete(mark.reply);
    this.#marks.set(mark.reply, mark);
    for (const reply of this.#marks.keys()) {
      if (this.#marks.size <= REPLIES_KEPT) break;
      this.#marks.delete(reply);
      this.#heard.delete(reply);
    }
  }

  /** How much of a reply has been heard, in ms; null where nothing is known of it. */
  playedMs(reply: number, { at, latencyMs }: Now): number | null {
    const mark = this.#marks.get(reply);
    if (mark === undefined) return null;
    const sinceMs = (at - mark.at) * 1000;
    const on = mark.sounding ? Math.min(sinceMs, mark.aheadMs) : 0;
    const late = mark.done ? Math.min(0, sinceMs - latencyMs) : -latencyMs;
    const heard = Math.max(this.#heard.get(reply) ?? 0, mark.positionMs + on + late);
    this.#heard.set(reply, heard); // clocks differ by a little, but nothing is unheard again
    return heard;
  }

  /** Where in a reply that is not played out, in ms, there is more to hear; null for any other. */
  unheardFrom(reply: number, now: Now): number | null {
    const start = this.#starts.get(reply);
    return start === undefined ? null : Math.max(start, this.playedMs(reply, now) ?? 0);
  }

  /** The numbers of replies begin anew. */
  forget(): void {
    this.#marks.clear();
    this.#heard.clear();
    this.#starts.clear();
  }
}
