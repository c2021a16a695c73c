/** What is followed of a client beside what is said: whether replies can be heard, and after what time. */

import type { VoiceClient, VoiceClientEventMap } from "@voicesrv/web";
import { aside, type Problem } from "./advice.js";
import type { Stage } from "./latency.js";
import type { Stopwatch } from "./stopwatch.js";

/** Listens to a client, as long as it is the one in use. */
export type On = <K extends keyof VoiceClientEventMap>(
  type: K,
  listener: (detail: VoiceClientEventMap[K]["detail"]) => void,
) => void;

/** What is told of the sound. */
export interface SoundHooks {
  failed(problem: Problem): void;
  well(what: "sound"): void;
}

const GAPS = 2;
/* So many within one reply are a hiccup; a network that is slower than speech goes on making them. */

/** Tell when the browser keeps the page silent, and when sound comes in scraps. */
export function watchSound(on: On, client: Pick<VoiceClient, "stats">, hooks: SoundHooks): void {
  let before = 0; // gaps, when the reply that sounds began
  const gaps = (): number => client.stats.underruns - before;
  on("speaker", ({ state }) => {
    if (state === "blocked") hooks.failed(aside("blocked"));
    else hooks.well("sound");
  });
  on("playing", ({ playing }) => {
    if (playing) before = client.stats.underruns;
    else if (gaps() === 0) hooks.well("sound");
  });
  on("played", () => {
    if (gaps() > GAPS) hooks.failed(aside("too_slow"));
  });
}

/**
 * Take the times of replies.
 *
 * @param timed told where the time went, once a reply is heard.
 */
export function watchTimes(
  on: On,
  client: Pick<VoiceClient, "playedMs" | "stats">,
  stopwatch: Stopwatch,
  timed: (reply: number, stages: Stage[]) => void,
): void {
  on("reply.start", ({ reply, turn }) => stopwatch.begins(reply, turn));
  on("reply.text", ({ reply }) => stopwatch.text(reply, performance.now()));
  on("audio", ({ reply }) => stopwatch.audio(reply, performance.now()));
  on("latency", (latency) => stopwatch.latency(latency));
  on("playing", ({ reply, playing }) => {
    if (!playing) return;
    const playedMs = client.playedMs(reply) ?? 0;
    // Before the first sample is at the ear, what is known is how long it will take.
    const aheadMs = playedMs > 0 ? -playedMs : client.stats.output_latency_ms;
    const stages = stopwatch.heard(reply, performance.now() + aheadMs);
    if (stages.length > 0) timed(reply, stages);
  });
}
