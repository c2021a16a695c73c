/** How loud it is: the reply while one sounds, the microphone else. */

import { meterLevel, rootMeanSquare } from "./level.js";

/** Feeds a meter. */
export class Loudness {
  readonly #show: (level: number) => void;
  #source: AudioNode | null = null;
  #analyser: AnalyserNode | null = null;

  /** @param show takes 0 to 1. */
  constructor(show: (level: number) => void) {
    this.#show = show;
  }

  /** @param rms 0 to 1, of full scale. */
  microphone(rms: number): void {
    if (this.#source === null) this.#show(meterLevel(rms));
  }

  /** What sounds; null for nothing. */
  set output(node: AudioNode | null) {
    if (node === this.#source) return;
    if (this.#source !== null && this.#analyser !== null) this.#source.disconnect(this.#analyser);
    this.#source = node;
    this.#show(0);
    if (node === null) return;
    if (this.#analyser?.context !== node.context) this.#analyser = new AnalyserNode(node.context, { fftSize: 1024 });
    node.connect(this.#analyser);
    const samples = new Float32Array(this.#analyser.fftSize);
    const next = (): void => {
      if (this.#source !== node || this.#analyser === null) return;
      this.#analyser.getFloatTimeDomainData(samples);
      this.#show(meterLevel(rootMeanSquare(samples)));
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }
}
