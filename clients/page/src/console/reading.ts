/** What the metrics say at one time, and over time. Pure. */

import type { Engines } from "../shared/server.js";
import { type Histogram, histogram, quantile, since } from "./histogram.js";
import type { Sample } from "./prometheus.js";

export const STAGES = {
  endpoint: "End of turn",
  stt: "Final transcript",
  llm_first: "First token",
  tts_first: "First sound of the voice",
  total: "Speech to first sound",
} as const;
export type Stage = keyof typeof STAGES;
const STAGE_NAMES = Object.keys(STAGES) as Stage[];

/** One look at the server. */
export interface Reading {
  /** Seconds since 1970, of this page's clock. */
  at: number;
  connections: number;
  conversations: number;
  capacity: number;
  /** How many more conversations fit. */
  room: number;
  /** Seconds since 1970; null where it is not told. */
  startedAt: number | null;
  turns: number;
  /** Counts by code, and of other faults by what they are. */
  errors: Counts;
  drops: Counts;
  resumes: Counts;
  restarts: Counts;
  failures: Counts;
  /** Engine streams in use, by kind. */
  streams: Counts;
  stages: Record<Stage, Histogram>;
  loopLag: Histogram;
}

export type Counts = Readonly<Record<string, number>>;

/** Pick what the console shows. */
export function read(samples: readonly Sample[], at: number): Reading {
  const one = (name: string) => samples.find((sample) => sample.name === `voicesrv_${name}`)?.value;
  const by = (name: string, label: string): Counts =>
    Object.fromEntries(
      samples
        .filter((sample) => sample.name === `voicesrv_${name}`)
        .map(({ labels, value }) => [labels[label] ?? "", value]),
    );
  return {
    at,
    connections: one("connections") ?? 0,
    conversations: one("conversations") ?? 0,
    capacity: one("capacity_conversations") ?? 0,
    room: one("room_streams") ?? 0,
    startedAt: one("start_time_seconds") ?? null,
    turns: sum(by("turns_total", "cause")),
    errors: by("errors_total", "code"),
    drops: by("drops_total", "what"),
    resumes: by("resumes_total", "outcome"),
    restarts: by("engine_restarts_total", "engine"),
    failures: by("engine_failures_total", "engine"),
    streams: by("streams", "kind"),
    stages: Object.fromEntries(
      STAGE_NAMES.map((stage) => [stage, histogram(samples, "voicesrv_stage_seconds", { stage })]),
    ) as Reading["stages"],
    loopLag: histogram(samples, "voicesrv_loop_lag_seconds"),
  };
}

/**
 * A clock that never goes back, as one does that is set. Those that count from when a page was opened do not either,
 * but some stand still while the computer sleeps.
 */
export function steady(clock: () => number): () => number {
  let latest = Number.NEGATIVE_INFINITY;
  let behind = 0;
  return () => {
    const time = clock();
    behind += Math.max(0, latest - time);
    latest = time;
    return time + behind;
  };
}

export function sum(counts: Counts): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

/** The engine that leaves no more room than this; empty where it is the server's own limit. */
export function narrowest(engines: Engines, room: number): string {
  const chosen = Object.values(engines).flatMap((of) => of.filter((engine) => engine.chosen));
  return chosen.find((engine) => engine.room === room)?.name ?? "";
}

/** Something that went wrong, and how often. */
export interface Fault {
  what: string;
  kind: string;
  lately: number;
  ever: number;
}

/** What went wrong since the server started, the most frequent first. */
export function faults(history: History, latelyS: number): Fault[] {
  const { last } = history;
  if (last === undefined) return [];
  const kinds: [string, (reading: Reading) => Counts][] = [
    ["error", ({ errors }) => errors],
    ["dropped", ({ drops }) => drops],
    ["resume", ({ resumes }) => failedResumes(resumes)],
  ];
  return kinds
    .flatMap(([kind, of]) =>
      Object.entries(of(last)).map(([what, ever]) => ({
        what,
        kind,
        lately: history.lately((reading) => of(reading)[what] ?? 0, latelyS),
        ever,
      })),
    )
    .filter(({ ever }) => ever > 0)
    .sort((a, b) => b.ever - a.ever);
}

/** Connections that came back and could not go on: all but those that missed nothing. */
function failedResumes({ whole: _, ...failed }: Counts): Counts {
  return failed;
}

const MAX_READINGS = 460;
/* A quarter of an hour, and a little more, at one each 2 s. */

/** The readings of the last while. */
export class History {
  readonly readings: Reading[] = [];

  add(reading: Reading): void {
    this.readings.push(reading);
    if (this.readings.length > MAX_READINGS) this.readings.shift();
  }

  get last(): Reading | undefined {
    return this.readings.at(-1);
  }

  /** How long it has been looked at, in seconds. */
  get spanS(): number {
    return (this.last?.at ?? 0) - (this.readings[0]?.at ?? 0);
  }

  /** The latest that is at least so old, or the oldest. */
  ago(seconds: number): Reading | undefined {
    const before = (this.last?.at ?? 0) - seconds;
    return this.readings.findLast(({ at }) => at <= before) ?? this.readings[0];
  }

  /** How many there were of something in the last while; a server that began anew counts from 0. */
  lately(count: (reading: Reading) => number, seconds: number): number {
    const { last } = this;
    const earlier = this.ago(seconds);
    if (last === undefined || earlier === undefined) return 0;
    const more = count(last) - count(earlier);
    return more < 0 ? count(last) : more;
  }

  /**
   * Quantiles of a stage over time, each of the minute before it; null where nobody spoke.
   *
   * @returns in seconds.
   */
  course(stage: Stage, part: number): (number | null)[] {
    let from = 0;
    return this.readings.map((reading) => {
      while ((this.readings[from] as Reading).at < reading.at - 60) from++;
      return quantile(since((this.readings[from] as Reading).stages[stage], reading.stages[stage]), part);
    });
  }
}
