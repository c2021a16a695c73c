/** Loudness and brightness of sound -> mouth shapes, for replies that come without any. Pure. */

import { blend, type VisemeWeights } from "./visemes.js";

const FLOOR = 0.004;
/* RMS of full scale that is silence: some -48 dB. */
const LOUD = 0.12;
/* RMS of a loud voice until a louder one is heard. */
const LOUDNESS = 0.6;
/* What is heard as loudness grows with about this power of the pressure. https://en.wikipedia.org/wiki/Sone */
const FORGET_MS = 8_000;
/* How fast a loud voice is forgotten. */
const OPEN_MS = 25;
const CLOSE_MS = 70;
/* Time constants: mouths open faster than they close. */
const DARK = 0.08;
const BRIGHT = 0.35;
/* Zero crossings a sample at 24 kHz: vowels made at the back of the mouth are under the one, hisses over the other. */

/** Follows a voice. */
export class LoudnessFollower {
  #loud = LOUD;
  #openness = 0;
  #brightness = (DARK + BRIGHT) / 2;

  /** How far the mouth is open, 0 to 1. */
  get openness(): number {
    return this.#openness;
  }

  /**
   * Take what sounds now and give the mouth for it.
   *
   * @param samples the last few ms, -1 to 1, at about 24 kHz.
   * @param sinceMs since it was last called, 0 or more.
   */
  follow(samples: Float32Array, sinceMs: number): VisemeWeights {
    const level = rms(samples);
    this.#loud = Math.max(level, LOUD + (this.#loud - LOUD) * Math.exp(-sinceMs / FORGET_MS));
    const aim = Math.min(1, Math.max(0, level - FLOOR) / (this.#loud - FLOOR)) ** LOUDNESS;
    this.#openness = toward(this.#openness, aim, sinceMs / (aim > this.#openness ? OPEN_MS : CLOSE_MS));
    if (level > FLOOR) this.#brightness = toward(this.#brightness, crossings(samples), sinceMs / OPEN_MS);
    return shapes(this.#openness, Math.min(1, Math.max(0, (this.#brightness - DARK) / (BRIGHT - DARK))));
  }
}

/** Dark sound is made with round lips, bright sound with teeth near each other, the rest with an open mouth. */
function shapes(openness: number, brightness: number): VisemeWeights {
  const round = Math.max(0, 1 - 3 * brightness);
  const hiss = Math.max(0, 2 * brightness - 1);
  const open = 1 - round - hiss;
  return blend([
    ["oh", openness * round],
    ["aa", openness * open * openness],
    ["E", openness * open * (1 - openness)],
    ["SS", openness * hiss],
  ]);
}

/** Part of the way from one value to another that is gone in `elapsed` time constants. */
function toward(from: number, to: number, elapsed: number): number {
  return to + (from - to) * Math.exp(-elapsed);
}

function rms(samples: Float32Array): number {
  let squares = 0;
  for (const sample of samples) squares += sample * sample;
  return Math.sqrt(squares / Math.max(1, samples.length));
}

/** Changes of sign, for each sample. */
function crossings(samples: Float32Array): number {
  let count = 0;
  for (let n = 1; n < samples.length; n++) {
    if ((samples[n] as number) < 0 !== (samples[n - 1] as number) < 0) count++;
  }
  return count / Math.max(1, samples.length - 1);
}
