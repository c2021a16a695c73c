/** The audio thread's end of the microphone. */

import { Framer } from "../framing.js";
import { Resampler } from "../resampler.js";
import type { CapturedFrame } from "./messages.js";

const RATE = 16_000;
const FRAME = 320; // 20 ms

class MicrophoneProcessor extends AudioWorkletProcessor {
  readonly #resampler = sampleRate === RATE ? null : new Resampler(sampleRate, RATE);
  readonly #framer = new Framer(FRAME);
  #atMs = 0;

  constructor() {
    super();
    this.port.onmessage = () => this.#post(this.#framer.flush(), true);
  }

  process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    if (channel === undefined) return true; // no source is connected
    this.#atMs ||= Date.now();
    const samples = this.#resampler === null ? channel : this.#resampler.feed(channel);
    for (const frame of this.#framer.feed(samples)) this.#post(frame, false);
    return true;
  }

  #post(samples: Int16Array<ArrayBuffer>, flushed: boolean): void {
    const frame: CapturedFrame = { samples, atMs: this.#atMs, flushed };
    this.port.postMessage(frame, [samples.buffer]);
    this.#atMs = Date.now();
  }
}

registerProcessor("voicesrv-microphone", MicrophoneProcessor);
