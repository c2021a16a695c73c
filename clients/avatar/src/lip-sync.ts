/** What the ear hears now -> the mouth: by the mouth shapes of the reply, or else by its loudness. */

import type { VoiceClient } from "@voicesrv/web";
import { LoudnessFollower } from "./loudness.js";
import { mix, only, VisemeTimeline, type VisemeWeights } from "./visemes.js";

/** What is needed of a `VoiceClient`. */
export type Heard = Pick<VoiceClient, "playing" | "playedMs" | "output">;

const FRAME_MS = 16;
/* What is drawn now is seen with the screen's next frame. */
const HELD_MS = 200;
/* Where shapes ended so long ago and sound goes on, the rest of the reply has none: another voice speaks it. */
const SWITCH_MS = 80;
/* From shapes to loudness and back. */
const CLOSE_MS = 60;
/* Time constant of a mouth that closes because the reply was cut off. */
const WINDOW = 512;
/* Samples that loudness is measured over: 21 ms at 24 kHz. */
const REPLIES_KEPT = 8;

/** Moves the mouth. */
export class LipSync {
  readonly #timelines = new Map<number, VisemeTimeline>();
  readonly #samples = new Float32Array(WINDOW);
  #loudness = new LoudnessFollower();
  #output: GainNode | null = null;
  #analyser: AnalyserNode | null = null;
  #conversation = "";
  #reply = 0;
  #byLoudness = 0; // its share of the mouth
  #mouth: VisemeWeights = only("sil");

  /** How loud the reply is, 0 to 1. */
  get level(): number {
    return this.#loudness.openness;
  }

  /** Add mouth shapes of a reply. */
  add(reply: number, items: Parameters<VisemeTimeline["add"]>[0]): void {
    let timeline = this.#timelines.get(reply);
    if (timeline === undefined) {
      timeline = new VisemeTimeline();
      this.#timelines.set(reply, timeline);
      const [oldest] = this.#timelines.keys();
      if (this.#timelines.size > REPLIES_KEPT && oldest !== undefined) this.#timelines.delete(oldest);
    }
    timeline.add(items);
  }

  /** Forget all replies if this is another conversation: their numbers begin anew. */
  joined(conversation: string): void {
    if (conversation === this.#conversation) return;
    this.#conversation = conversation;
    this.#timelines.clear();
  }

  /** The mouth for the frame that is drawn now. @param sinceMs the frame before. */
  step(client: Heard | null, sinceMs: number): VisemeWeights {
    const reply = client?.playing ?? 0;
    const playedMs = reply === 0 ? null : (client?.playedMs(reply) ?? null);
    const loud = this.#loudness.follow(this.#listen(client), sinceMs);
    if (playedMs === null) {
      this.#reply = 0;
      this.#mouth = mix(only("sil"), this.#mouth, Math.exp(-sinceMs / CLOSE_MS));
      return this.#mouth;
    }
    const atMs = playedMs + FRAME_MS;
    const timeline = this.#timelines.get(reply);
    const isKnown = timeline !== undefined && atMs < timeline.endMs + HELD_MS;
    const step = reply === this.#reply ? sinceMs / SWITCH_MS : 1; // a reply starts with what it has
    this.#byLoudness = Math.min(1, Math.max(0, this.#byLoudness + (isKnown ? -step : step)));
    this.#reply = reply;
    this.#mouth = timeline === undefined ? loud : mix(timeline.weights(atMs), loud, this.#byLoudness);
    return this.#mouth;
  }

  /** Leave no trace on what is listened to, until the next step. */
  letGo(): void {
    this.#tap(null);
  }

  /** What goes to the speakers now; a client has another output after each time that it was closed. */
  #listen(client: Heard | null): Float32Array {
    this.#tap(client?.output ?? null);
    if (this.#analyser === null) this.#samples.fill(0);
    else this.#analyser.getFloatTimeDomainData(this.#samples);
    return this.#samples;
  }

  #tap(output: GainNode | null): void {
    if (output === this.#output) return;
    if (this.#analyser !== null) this.#output?.disconnect(this.#analyser);
    this.#output = output;
    this.#analyser = output && new AnalyserNode(output.context, { fftSize: WINDOW });
    if (this.#analyser !== null) output?.connect(this.#analyser);
  }
}
