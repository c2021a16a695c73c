import { expect, test } from "vitest";
import { Heard } from "../src/heard.js";
import type { Mark } from "../src/worklets/messages.js";

const mark = (fields: Partial<Mark>): Mark => ({
  ...{ reply: 1, positionMs: 0, aheadMs: 0, sounding: true, done: false, at: 0 },
  ...{ waitingMs: 0, underruns: 0, delayMs: 66, ...fields },
});
const now = (at: number) => ({ at, latencyMs: 30 });

test("the clock of a reply runs behind the audio thread's by the latency, as far as there is audio, and never back", () => {
  const heard = new Heard();
  expect(heard.playedMs(1, now(10))).toBeNull();
  heard.marked(mark({ positionMs: 100, aheadMs: 500, at: 10 }));
  expect(heard.playedMs(1, now(10.2))).toBeCloseTo(270);
  expect(heard.playedMs(1, now(11))).toBeCloseTo(570);
  heard.marked(mark({ positionMs: 580, sounding: false, at: 11 })); // it waits for more
  expect(heard.playedMs(1, now(11.1))).toBeCloseTo(570);
  heard.marked(mark({ positionMs: 600, sounding: false, done: true, at: 12 }));
  expect(heard.playedMs(1, now(12.01))).toBeCloseTo(580);
  expect(heard.playedMs(1, now(13))).toBeCloseTo(600);
});

test("what is not played out begins where its audio does, and goes on with what was heard", () => {
  const heard = new Heard();
  expect([heard.isAll, heard.unheardFrom(1, now(0))]).toEqual([true, null]);
  heard.given(1, 400);
  heard.given(1, 420);
  expect([heard.isAll, heard.unheardFrom(1, now(0))]).toEqual([false, 400]);
  heard.marked(mark({ positionMs: 400, sounding: false }));
  expect(heard.unheardFrom(1, now(0))).toBe(400); // not 30 ms before it
  heard.marked(mark({ positionMs: 500, at: 1 }));
  expect(heard.unheardFrom(1, now(1))).toBeCloseTo(470);
  heard.marked(mark({ positionMs: 520, sounding: false, done: true }));
  expect([heard.isAll, heard.unheardFrom(1, now(1))]).toEqual([true, null]);
});

test("old replies are forgotten, and all of them where their numbers begin anew", () => {
  const heard = new Heard();
  for (let reply = 1; reply <= 20; reply++) heard.marked(mark({ reply, positionMs: 100, done: true }));
  expect(heard.playedMs(1, now(1))).toBeNull();
  expect(heard.playedMs(20, now(1))).toBe(100);
  heard.given(21, 0);
  heard.forget();
  expect(heard.isAll).toBe(true);
  expect(heard.playedMs(20, now(1))).toBeNull();
});
