import { expect, test } from "vitest";
import { parseMetrics } from "../../src/console/prometheus.js";
import { faults, History, narrowest, read, steady, sum } from "../../src/console/reading.js";
import type { Engine } from "../../src/shared/server.js";

const text = (turns: number, errors: number) => `voicesrv_connections 3
voicesrv_conversations 4
voicesrv_capacity_conversations 200
voicesrv_room_streams 6
voicesrv_start_time_seconds 1.7e+09
voicesrv_streams{kind="stt"} 2
voicesrv_turns_total{cause="text"} 1
voicesrv_turns_total{cause="silence"} ${turns}
voicesrv_errors_total{code="idle"} ${errors}
voicesrv_engine_failures_total{engine="piper"} 1
voicesrv_stage_seconds_bucket{le="0.5",stage="total"} ${turns}
voicesrv_stage_seconds_bucket{le="1.0",stage="total"} ${turns}
voicesrv_stage_seconds_bucket{le="+Inf",stage="total"} ${turns}`;
const at = (seconds: number, turns = 0, errors = 0) => read(parseMetrics(text(turns, errors)), seconds);

test("what the console shows is picked out", () => {
  const reading = at(10, 5, 2);
  expect(reading).toMatchObject({
    connections: 3,
    conversations: 4,
    capacity: 200,
    room: 6,
    startedAt: 1.7e9,
    turns: 6,
    errors: { idle: 2 },
    failures: { piper: 1 },
    streams: { stt: 2 },
  });
  expect(reading.stages.total.counts).toEqual([5, 5, 5]);
  expect(reading.stages.stt.counts).toEqual([]);
});

test("a server that tells nothing has nothing", () => {
  const reading = read([], 0);
  expect(reading).toMatchObject({ connections: 0, room: 0, startedAt: null, turns: 0, errors: {} });
});

test("lately is since the look that is old enough, or the first", () => {
  const history = new History();
  for (const [seconds, errors] of [
    [0, 1],
    [100, 4],
    [1000, 9],
  ] as const) {
    history.add(at(seconds, 0, errors));
  }
  const errors = (seconds: number) => history.lately((reading) => sum(reading.errors), seconds);
  expect(errors(900)).toBe(5);
  expect(errors(5000)).toBe(8);
  history.add(at(1002, 0, 2)); // the server began anew
  expect(errors(900)).toBe(2);
});

test("the engine that leaves the least room is named, where it is one", () => {
  const engine = (name: string, chosen: boolean, room: number | null): Engine => ({
    name,
    chosen,
    why: "",
    is_open: true,
    room,
  });
  const engines = { stt: [engine("other", false, 6), engine("narrow", true, 6)], tts: [engine("wide", true, null)] };
  expect(narrowest(engines, 6)).toBe("narrow");
  expect(narrowest(engines, 200)).toBe("");
});

test("an empty history has nothing lately", () => {
  expect(new History().lately(() => 1, 60)).toBe(0);
});

test("what went wrong is listed, the most frequent first, and no success", () => {
  const history = new History();
  for (const [seconds, n] of [
    [0, 2],
    [10, 5],
  ] as const) {
    const said = `voicesrv_errors_total{code="engine_failed"} ${n}
voicesrv_errors_total{code="idle"} 0
voicesrv_drops_total{what="slow_consumer"} 1
voicesrv_resumes_total{outcome="whole"} 90
voicesrv_resumes_total{outcome="lost"} 9`;
    history.add(read(parseMetrics(said), seconds));
  }
  expect(faults(history, 900)).toEqual([
    { what: "lost", kind: "resume", lately: 0, ever: 9 },
    { what: "engine_failed", kind: "error", lately: 3, ever: 5 },
    { what: "slow_consumer", kind: "dropped", lately: 0, ever: 1 },
  ]);
  expect(faults(new History(), 900)).toEqual([]);
});

test("a course over time is of the minute before each look", () => {
  const history = new History();
  for (const [seconds, turns] of [
    [0, 0],
    [30, 10],
    [80, 10],
    [120, 10],
  ] as const) {
    history.add(at(seconds, turns));
  }
  expect(history.course("total", 0.5)).toEqual([null, 0.25, null, null]);
});

test("old looks go", () => {
  const history = new History();
  for (let n = 0; n < 1000; n++) history.add(at(n));
  expect(history.readings.length).toBe(460);
  expect(history.spanS).toBe(459);
  expect(history.last?.at).toBe(999);
});

test("a clock that is set back goes on from where it was, one that is put forward is followed", () => {
  const times = [1000, 1002, 402, 404, 9000];
  const clock = steady(() => times.shift() ?? 0);
  expect([clock(), clock(), clock(), clock(), clock()]).toEqual([1000, 1002, 1002, 1004, 9600]);
});
