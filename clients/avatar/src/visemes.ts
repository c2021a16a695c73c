/** The mouth shapes of a reply and their times -> how much of each the mouth has at a moment. Pure. */

/** The shapes of the Oculus lip-sync set, in its order. */
export const VISEMES = [
  "sil",
  "PP",
  "FF",
  "TH",
  "DD",
  "kk",
  "CH",
  "SS",
  "nn",
  "RR",
  "aa",
  "E",
  "ih",
  "oh",
  "ou",
] as const;

export type VisemeName = (typeof VISEMES)[number];

/** How much of each shape the mouth has: each 0 to 1, together 1. */
export type VisemeWeights = Readonly<Record<VisemeName, number>>;

/** A mouth shape and when it is held, in ms of the reply's audio; what `visemes` events carry. */
export interface TimedViseme {
  viseme: string;
  start_ms: number;
  end_ms: number;
}

interface Span {
  shape: VisemeName;
  start: number;
  end: number;
}

const NAMES: ReadonlySet<string> = new Set(VISEMES);
const FIRM: ReadonlySet<VisemeName> = new Set(["PP", "FF"]);
/* Shapes that are wrong unless the lips get all the way there, and that leave as fast as they came. */
const ROUND: ReadonlySet<VisemeName> = new Set(["oh", "ou"]);
const NEEDS_LIPS: ReadonlySet<VisemeName> = new Set([...FIRM, ...ROUND, "sil"]);

const FADE_MS = 80;
const FIRM_FADE_MS = 50;
/* From one shape to the next; lips take 40–100 ms, closures the least. Never longer than the shorter of the two is. */
const BRIDGED_MS = 60;
/* A gap this short is no pause: the shape before it is held. */
const ROUNDING_MS = 140;
const ROUNDING = 0.2;
/* Lips are rounded ahead of a rounded vowel, through what the tongue says before it, as in "stew": by how much and how
   early. With more than a quarter the vowel would seem to be there too early. */
const MAX_SPANS = 4096;
/* Some five minutes of speech. What is older is dropped, as the server is never more than seconds ahead of the ear. */

/** All of one shape. */
export function only(shape: VisemeName): VisemeWeights {
  return blend([[shape, 1]]);
}

/** The sum of shapes, each with its weight; what is missing to 1 is `sil`. */
export function blend(parts: Iterable<readonly [VisemeName, number]>): VisemeWeights {
  const weights = Object.fromEntries(VISEMES.map((name) => [name, 0])) as Record<VisemeName, number>;
  let sum = 0;
  for (const [shape, weight] of parts) {
    weights[shape] += weight;
    sum += weight;
  }
  weights.sil += Math.max(0, 1 - sum);
  return weights;
}

/** `(1 - share)` of one mouth and `share`, 0 to 1, of another. */
export function mix(one: VisemeWeights, other: VisemeWeights, share: number): VisemeWeights {
  return blend(VISEMES.map((name) => [name, one[name] * (1 - share) + other[name] * share]));
}

/** The shape that the mouth has most of; the first of those alike. */
export function dominant(weights: VisemeWeights): VisemeName {
  return VISEMES.reduce((most, name) => (weights[name] > weights[most] ? name : most));
}

/**
 * The mouth shapes of one reply, as they come.
 *
 * Neighbours melt into each other around the moment where one ends and the next begins, where they are about equal;
 * a shape is whole in the middle of its time. Between words, and where nothing is known, the mouth is at rest.
 */
export class VisemeTimeline {
  #spans: Span[] = [];

  /** When the last shape known ends; 0 where there is none. */
  get endMs(): number {
    return this.#spans.at(-1)?.end ?? 0;
  }

  /** Whether no shape is known. */
  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  /**
   * Add shapes, in the order of their times, after those that are there.
   *
   * A shape that begins before the one before it has ended cuts that short. Names that are none of the 15, spans that
   * are empty and shapes that begin before the latest one are left out.
   */
  add(items: Iterable<TimedViseme>): void {
    for (const { viseme, start_ms: start, end_ms: end } of items) {
      const last = this.#spans.at(-1);
      if (!NAMES.has(viseme) || !(start < end) || start < (last?.start ?? 0)) continue;
      if (last !== undefined) this.#join(last, start);
      if (last !== undefined && last.end <= last.start) this.#spans.pop(); // two shapes at one time: the latter
      this.#spans.push({ shape: viseme as VisemeName, start, end });
    }
    if (this.#spans.length > MAX_SPANS) this.#spans.splice(0, this.#spans.length - MAX_SPANS);
  }

  /** The mouth at a moment, in ms of the reply's audio. */
  weights(atMs: number): VisemeWeights {
    const n = this.#find(atMs);
    const here = this.#span(n);
    const [other, share] = this.#neighbour(n, atMs);
    const weights = blend([
      [here.shape, 1 - share],
      [other, share],
    ]);
    return this.#rounded(weights, n, atMs);
  }

  /** Make the span before meet a new one. */
  #join(last: Span, start: number): void {
    const gap = start - last.end;
    if (gap > BRIDGED_MS) this.#spans.push({ shape: "sil", start: last.end, end: start });
    else last.end = start;
  }

  /** The index of the span at a moment; -1 before the first, the count of spans after the last. */
  #find(atMs: number): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#span(middle).end <= atMs) low = middle + 1;
      else high = middle;
    }
    return low < this.#spans.length && atMs < this.#span(low).start ? low - 1 : low;
  }

  /** A span; outside of what is known, rest without an end. */
  #span(n: number): Span {
    const first = this.#spans[0]?.start ?? 0;
    return (
      this.#spans[n] ??
      (n < 0
        ? { shape: "sil", start: Number.NEGATIVE_INFINITY, end: first }
        : { shape: "sil", start: this.endMs, end: Number.POSITIVE_INFINITY })
    );
  }

  /** The nearer neighbour of a span and its share of the mouth: a half at the border, none from half a fade on. */
  #neighbour(n: number, atMs: number): [VisemeName, number] {
    const here = this.#span(n);
    const after = atMs - here.start < here.end - atMs ? -1 : 1;
    const other = this.#span(n + after);
    const border = after < 0 ? here.start : here.end;
    const usual = FIRM.has(here.shape) || FIRM.has(other.shape) ? FIRM_FADE_MS : FADE_MS;
    const fade = Math.min(usual, here.end - here.start, other.end - other.start);
    return [other.shape, smoothstep(0.5 - Math.abs(atMs - border) / fade)];
  }

  /** Add the rounding of the next round vowel, if nothing before it needs the lips. */
  #rounded(weights: VisemeWeights, n: number, atMs: number): VisemeWeights {
    let ahead = Math.max(0, n);
    while (ahead < this.#spans.length && !NEEDS_LIPS.has(this.#span(ahead).shape)) ahead++;
    const vowel = this.#span(ahead);
    if (!ROUND.has(vowel.shape) || vowel.start - atMs > ROUNDING_MS) return weights;
    const from = this.#lipsFreeFrom(ahead);
    const near =
      atMs < vowel.start
        ? smoothstep((atMs - from) / ROUNDING_MS)
        : smoothstep((vowel.start - from) / ROUNDING_MS) * smoothstep((vowel.end - atMs) / (vowel.end - vowel.start));
    return mix(weights, only(vowel.shape), ROUNDING * near);
  }

  /** When the lips can begin to get ready for a span. */
  #lipsFreeFrom(n: number): number {
    const earliest = this.#span(n).start - ROUNDING_MS;
    while (this.#span(n - 1).end > earliest) {
      n--;
      if (NEEDS_LIPS.has(this.#span(n).shape)) return this.#span(n).end;
    }
    return earliest;
  }
}

/** From 0 at 0 to 1 at 1, level at both ends. */
export function smoothstep(x: number): number {
  const t = Math.min(1, Math.max(0, x));
  return t * t * (3 - 2 * t);
}
