/** Histograms of Prometheus: buckets that count all up to a bound. Pure. */

import type { Sample } from "./prometheus.js";

/** How many were at most so much, by bound; the bounds grow, and the last is infinite. */
export interface Histogram {
  bounds: number[];
  counts: number[];
}

export const EMPTY: Histogram = { bounds: [], counts: [] };

/** Gather a histogram from its samples `NAME_bucket`, of which `wanted` labels tell it apart. */
export function histogram(samples: readonly Sample[], name: string, wanted: Record<string, string> = {}): Histogram {
  const buckets = samples
    .filter((sample) => sample.name === `${name}_bucket`)
    .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value))
    .map(({ labels, value }) => ({ bound: labels.le === "+Inf" ? Infinity : Number(labels.le), value }))
    .sort((a, b) => a.bound - b.bound);
  return { bounds: buckets.map(({ bound }) => bound), counts: buckets.map(({ value }) => value) };
}

/** How many it has counted. */
export function total({ counts }: Histogram): number {
  return counts.at(-1) ?? 0;
}

/** What came between an earlier look and a later one; all of the later where the server began anew between them. */
export function since(earlier: Histogram, later: Histogram): Histogram {
  if (earlier.counts.length !== later.counts.length || total(earlier) > total(later)) return later;
  return { bounds: later.bounds, counts: later.counts.map((count, n) => count - (earlier.counts[n] ?? 0)) };
}

/**
 * The value below which a part of all lies, evenly spread within its bucket, as Prometheus's `histogram_quantile`
 * has it; the last finite bound for what is beyond. Null where nothing was counted.
 */
export function quantile({ bounds, counts }: Histogram, part: number): number | null {
  const all = counts.at(-1) ?? 0;
  if (all === 0) return null;
  const rank = part * all;
  const at = counts.findIndex((count) => count >= rank);
  const upper = bounds[at] as number;
  const lower = at === 0 ? 0 : (bounds[at - 1] as number);
  if (upper === Infinity) return lower;
  const below = at === 0 ? 0 : (counts[at - 1] as number);
  const within = (counts[at] as number) - below;
  return within === 0 ? upper : lower + ((upper - lower) * (rank - below)) / within;
}
