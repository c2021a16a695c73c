/** Where the time goes between the user's last word and the reply's first sound. Pure. */

import type { Latency } from "@voicesrv/web";

/** One bar of a waterfall. */
export interface Stage {
  /** What comes at its end: the end of the turn, its final transcript, the reply's first token, its first sound here,
   * its first sound at the ear. */
  ends: "turn" | "transcript" | "token" | "sound" | "played";
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
  const at = [endpoint_ms, endpoint_ms + stt_ms, endpoint_ms + stt_ms + llm_first_ms, total_ms];
  return [
    ...chain(["turn", "transcript", "token", "sound"], at, total_ms),
    { ends: "played", startMs: total_ms, endMs: total_ms + Math.max(0, Math.round(playedAfterMs)) },
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
  const at = [firstText, firstAudio, played].map((each) => Math.round(each - sent));
  return chain(["token", "sound", "played"], at, Math.round(played - sent));
}

/** Stages one after another: each begins where the one before ends. */
function chain(names: Stage["ends"][], at: number[], lastMs: number): Stage[] {
  let startMs = 0;
  return names.map((ends, n) => {
    const endMs = Math.min(lastMs, Math.max(startMs, at[n] ?? startMs));
    const stage = { ends, startMs, endMs };
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
