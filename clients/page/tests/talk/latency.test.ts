import type { Latency } from "@voicesrv/web";
import { expect, test } from "vitest";
import { duration, spokenStages, totalMs, typedStages } from "../../src/talk/latency.js";

const LATENCY: Latency = {
  type: "latency",
  seq: 1,
  turn: 1,
  reply: 1,
  endpoint_ms: 320,
  stt_ms: 40,
  llm_first_ms: 100,
  tts_first_ms: 80,
  total_ms: 560,
};

test("each stage begins where the one before ends, and the last is this page's own", () => {
  const stages = spokenStages(LATENCY, 45.4);
  expect(stages.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
    [0, 320],
    [320, 360],
    [360, 460],
    [460, 560],
    [560, 605],
  ]);
  expect(stages.at(-1)?.ends).toBe("played");
  expect(totalMs(stages)).toBe(605);
});

test("an eager reply that was asked for before the turn was over goes beyond no whole", () => {
  const stages = spokenStages({ ...LATENCY, llm_first_ms: 900, total_ms: 400 }, -3);
  expect(stages.map(({ endMs }) => endMs)).toEqual([320, 360, 400, 400, 400]);
  expect(stages.every(({ startMs, endMs }) => startMs <= endMs)).toBe(true);
});

test("a typed turn has the stages that a page can see", () => {
  const stages = typedStages({ sent: 1000.2, firstText: 1040, firstAudio: 1100, played: 1150 });
  expect(stages).toEqual([
    { ends: "token", startMs: 0, endMs: 40 },
    { ends: "sound", startMs: 40, endMs: 100 },
    { ends: "played", startMs: 100, endMs: 150 },
  ]);
});

test("nothing took no time", () => {
  expect(totalMs([])).toBe(0);
});

test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [1000, "1.00 s"],
  [1234, "1.23 s"],
  [9949, "9.95 s"],
  [12_345, "12.3 s"],
])("%d is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});
