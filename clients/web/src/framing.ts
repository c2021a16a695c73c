/** Samples as they arrive -> frames of a fixed length. Pure. */

/** Cuts float samples (-1 to 1, clipped beyond) into int16 frames. */
export class Framer {
  readonly #length: number;
  #frame: Int16Array<ArrayBuffer>;
  #filled = 0;

  /** @param length samples of a frame. */
  constructor(length: number) {
    this.#length = length;
    this.#frame = new Int16Array(length);
  }

  /** Return the frames that `samples` completes. */
  feed(samples: Float32Array): Int16Array<ArrayBuffer>[] {
    const frames: Int16Array<ArrayBuffer>[] = [];
    for (const sample of samples) {
      this.#frame[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      if (this.#filled === this.#length) frames.push(this.flush());
    }
    return frames;
  }

  /** Return what is gathered, which may be nothing, and start anew. */
  flush(): Int16Array<ArrayBuffer> {
    const frame = this.#filled === this.#length ? this.#frame : this.#frame.slice(0, this.#filled);
    this.#frame = new Int16Array(this.#length);
    this.#filled = 0;
    return frame;
  }
}
