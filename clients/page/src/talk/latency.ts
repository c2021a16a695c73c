/** Where the time goes between the user's last word and the reply's first sound. Pure. */

import type { Latency } from "@voicesrv/web";

/** One bar of a waterfall. */
export interface Stage {
  name: string;
  /** From the user's last speech, or from sending what was typed. */
  startMs: number;
  endMs: number;
}

/**
 * The stages of a spoken turn.
 *
 * The first token may have been asked for before the turn was over (an eager reply), so a stage ends no later than
 * the first sound, which is what was measured as a whole.
 *
 * @param playedAfterMs from the first audio's arrival to its first sample at the ear.
 */
export function spokenStages(latency: Latency, playedAfterMs: number): Stage[] {
  const { endpoint_ms, stt_ms, llm_first_ms, total_ms } = latency;
  const ends = [endpoint_ms, endpoint_ms + stt_ms, endpoint_ms + stt_ms + llm_first_ms, total_ms];
  return [
    ...chain(["End of turn", "Final transcript", "First token", "First sound"], ends, total_ms),
    { name: "First sound played", startMs: total_ms, endMs: total_ms + Math.max(0, Math.round(playedAfterMs)) },
  ];
}

/** When things happened on this page, of a turn that was typed; ms of one clock. */
export interface Arrivals {
  sent: number;
  firstText: number;
  firstAudio: number;
  played: number;
}

/** The stages of a typed turn, of which the server measures nothing. */
export function typedStages({ sent, firstText, firstAudio, played }: Arrivals): Stage[] {
  const ends = [firstText, firstAudio, played].map((at) => Math.round(at - sent));
  return chain(["First token", "First sound", "First sound played"], ends, Math.round(played - sent));
}

/** Stages one after another: each begins where the one before ends. */
function chain(names: string[], ends: number[], lastMs: number): Stage[] {
  let startMs = 0;
  return names.map((name, n) => {
    const endMs = Math.min(lastMs, Math.max(startMs, ends[n] ?? startMs));
    const stage = { name, startMs, endMs };
    startMs = endMs;
    return stage;
  });
}

/** The whole of it. */
export function totalMs(stages: readonly Stage[]): number {
  return stages.at(-1)?.endMs ?? 0;
}

/** A duration as people read it. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
}
