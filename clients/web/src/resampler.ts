/** From one sample rate to another, without aliases and without clicks between chunks. Pure. */

const ZERO_CROSSINGS = 32;
/* Of the sinc on each side, at the lower rate: a delay of 2 ms at 16 kHz. */
const CUTOFF = 0.925;
/* Where the response is halved, as a part of the lower Nyquist frequency. */
const KAISER_BETA = 8;
/* Of the window; 80 dB of stopband (Kaiser 1974: beta = 0.1102 (dB − 8.7)). The same filter as the server's
   voicesrv/audio/polyphase.py; tests/resampler.test.ts measures tones and aliases. */

/** Converts one mono stream; filter state is kept from call to call, so the cut of the input does not matter. */
export class Resampler {
  readonly #up: number;
  readonly #down: number;
  readonly #reach: number; // input samples that the filter sees on each side
  readonly #phases: Float32Array[] = [];
  #input: Float32Array;
  #next = 0; // time of the next output sample, in 1/up of input samples after the centre of the first window

  /**
   * @param inRate Hz.
   * @param outRate Hz.
   */
  constructor(inRate: number, outRate: number) {
    const divisor = gcd(inRate, outRate);
    this.#up = outRate / divisor;
    this.#down = inRate / divisor;
    this.#reach = Math.ceil(ZERO_CROSSINGS * Math.max(1, inRate / outRate));
    const cutoff = CUTOFF * Math.min(1, outRate / inRate);
    for (let phase = 0; phase < this.#up; phase++) {
      this.#phases.push(lowPass(this.#reach, phase / this.#up, cutoff));
    }
    this.#input = new Float32Array(this.#reach - 1);
  }

  /** Return the output samples whose windows `samples` completes. */
  feed(samples: Float32Array): Float32Array<ArrayBuffer> {
    const data = new Float32Array(this.#input.length + samples.length);
    data.set(this.#input);
    data.set(samples, this.#input.length);
    const windows = data.length - 2 * this.#reach + 1;
    const count = Math.max(0, Math.ceil((windows * this.#up - this.#next) / this.#down));
    const out = new Float32Array(count);
    for (let n = 0; n < count; n++) {
      const start = Math.floor(this.#next / this.#up);
      const taps = this.#phases[this.#next % this.#up] as Float32Array;
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += (taps[k] as number) * (data[start + k] as number);
      out[n] = sum;
      this.#next += this.#down;
    }
    const used = Math.min(Math.floor(this.#next / this.#up), data.length);
    this.#next -= used * this.#up;
    this.#input = data.subarray(used);
    return out;
  }

  /** Return the rest, as if silence followed, and start anew. */
  flush(): Float32Array<ArrayBuffer> {
    const rest = this.feed(new Float32Array(this.#reach));
    this.#input = new Float32Array(this.#reach - 1);
    this.#next = 0;
    return rest;
  }
}

/**
 * A windowed sinc of `2 * reach` taps, centred `shift` of an input sample after the tap `reach - 1`.
 *
 * @param cutoff part of the input's Nyquist frequency.
 */
function lowPass(reach: number, shift: number, cutoff: number): Float32Array {
  const taps = Float32Array.from({ length: 2 * reach }, (_, k) => {
    const t = k - (reach - 1) - shift;
    const x = Math.PI * cutoff * t;
    const sinc = t === 0 ? 1 : Math.sin(x) / x;
    return cutoff * sinc * besselI0(KAISER_BETA * Math.sqrt(Math.max(0, 1 - (t / reach) ** 2)));
  });
  const sum = taps.reduce((total, tap) => total + tap, 0); // each phase passes 0 Hz unchanged
  return taps.map((tap) => tap / sum);
}

/** The modified Bessel function of the first kind, order 0, by its power series. */
function besselI0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
