/** When what of a reply arrived on this page, and when it was heard. */

import type { Latency } from "@voicesrv/web";
import { type Stage, spokenStages, typedStages } from "./latency.js";

interface Times {
  turn: number | null;
  firstText: number | null;
  firstAudio: number | null;
  latency: Latency | null;
}

/** Times one reply at a time; ms of `performance.now`. */
export class Stopwatch {
  #sentAt: number | null = null; // when what was typed last was sent
  readonly #replies = new Map<number, Times>();

  /** A turn was typed here. */
  typed(now: number): void {
    this.#sentAt = now;
  }

  begins(reply: number, turn: number | null): void {
    this.#replies.set(reply, { turn, firstText: null, firstAudio: null, latency: null });
  }

  text(reply: number, now: number): void {
    const times = this.#replies.get(reply);
    if (times !== undefined) times.firstText ??= now;
  }

  audio(reply: number, now: number): void {
    const times = this.#replies.get(reply);
    if (times !== undefined) times.firstAudio ??= now;
  }

  latency(latency: Latency): void {
    const times = this.#replies.get(latency.reply);
    if (times !== undefined) times.latency = latency;
  }

  /** The reply's first sample was heard: where the time went. Empty where that is not known, or was told. */
  heard(reply: number, playedAt: number): Stage[] {
    const times = this.#replies.get(reply);
    this.#replies.delete(reply);
    if (times?.firstAudio == null) return [];
    const { latency, firstText, firstAudio } = times;
    if (latency !== null) return spokenStages(latency, playedAt - firstAudio);
    const sent = this.#sentAt;
    this.#sentAt = null;
    if (sent === null || firstText === null || times.turn === null || sent > firstText) return [];
    return typedStages({ sent, firstText, firstAudio, played: playedAt });
  }

  /** The reply is over. */
  forget(reply: number): void {
    this.#replies.delete(reply);
  }
}
