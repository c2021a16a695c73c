import type { Latency } from "@voicesrv/web";
import { expect, test } from "vitest";
import { totalMs } from "../../src/talk/latency.js";
import { Stopwatch } from "../../src/talk/stopwatch.js";

const LATENCY = { reply: 1, turn: 1, endpoint_ms: 300, stt_ms: 10, llm_first_ms: 50, tts_first_ms: 40, total_ms: 400 };

/** A stopwatch that has seen reply 1 come in from 1100 ms on. */
function started(turn: number | null = 1): Stopwatch {
  const stopwatch = new Stopwatch();
  stopwatch.begins(1, turn);
  stopwatch.text(1, 1100);
  stopwatch.text(1, 1150);
  stopwatch.audio(1, 1200);
  stopwatch.audio(1, 1300);
  return stopwatch;
}

test("a spoken turn goes by the server's clock, and by this page's for the last stage", () => {
  const stopwatch = started();
  stopwatch.latency(LATENCY as Latency);
  expect(totalMs(stopwatch.heard(1, 1245))).toBe(445);
  expect(stopwatch.heard(1, 1245)).toEqual([]); // told once
});

test("a typed turn goes from when it was sent", () => {
  const stopwatch = started();
  stopwatch.typed(1000);
  expect(stopwatch.heard(1, 1250).map(({ endMs }) => endMs)).toEqual([100, 200, 250]);
});

test("what was typed after the reply began is another turn's", () => {
  const stopwatch = started();
  stopwatch.typed(1160);
  expect(stopwatch.heard(1, 1250)).toEqual([]);
});

test("a greeting answers nothing", () => {
  const stopwatch = started(null);
  stopwatch.typed(1000);
  expect(stopwatch.heard(1, 1250)).toEqual([]);
});

test("nothing is known of a reply that another page saw begin, or that is over", () => {
  const stopwatch = new Stopwatch();
  stopwatch.text(2, 10);
  stopwatch.audio(2, 20);
  stopwatch.latency({ ...LATENCY, reply: 2 } as Latency);
  expect(stopwatch.heard(2, 30)).toEqual([]);
  const over = started();
  over.forget(1);
  expect(over.heard(1, 1250)).toEqual([]);
});
