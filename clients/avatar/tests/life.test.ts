import { describe, expect, test } from "vitest";
import { type Bearing, Life } from "../src/life.js";
import type { AvatarState } from "../src/pose.js";

/** Chance that is the same each time. */
function chance(seed = 7): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function live(state: AvatarState, seconds: number, level = 0, calm = false): Bearing[] {
  const life = new Life(chance());
  return Array.from({ length: seconds * 60 }, () => life.step(1000 / 60, state, level, calm));
}

const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const spread = (numbers: number[]) => Math.max(...numbers) - Math.min(...numbers);

describe("blinks", () => {
  const blinks = live("listening", 120).map(({ blink }) => blink);

  test("come 10 to 30 times a minute, not evenly", () => {
    const starts = blinks.flatMap((blink, n) => (blink > 0 && blinks[n - 1] === 0 ? [n] : []));
    expect(starts.length).toBeGreaterThan(20);
    expect(starts.length).toBeLessThan(60);
    expect(spread(starts.slice(1).map((start, n) => start - (starts[n] as number)))).toBeGreaterThan(60);
  });

  test("shut the eyes all the way and take less than half a second", () => {
    expect(Math.max(...blinks)).toBe(1);
    const lengths = blinks.join(" ").split(/(?:^| )0(?: |$)/);
    const longest = Math.max(...lengths.map((run) => run.split(" ").length));
    expect(longest).toBeLessThan(30);
  });
});

test("it breathes, and never holds quite still", () => {
  const moments = live("listening", 20);
  expect(spread(moments.map(({ breath }) => breath))).toBeGreaterThan(0.95);
  expect(spread(moments.map(({ gazeX }) => gazeX))).toBeGreaterThan(0.1);
  expect(spread(moments.map(({ turn }) => turn))).toBeGreaterThan(0.1);
});

test("it looks at who speaks, away to think, up when spoken to, and worried when something is wrong", () => {
  const of = (state: AvatarState, key: keyof Bearing) => mean(live(state, 20).map((moment) => moment[key]));
  expect(Math.abs(of("hearing", "gazeX"))).toBeLessThan(0.1);
  expect(of("thinking", "gazeY")).toBeLessThan(-0.5);
  expect(of("hearing", "browLeft")).toBeGreaterThan(of("off", "browLeft"));
  expect(of("problem", "smile")).toBeLessThan(0);
  expect(of("listening", "smile")).toBeGreaterThan(0.4);
});

test("stress lifts its brows", () => {
  const brows = (level: number) => mean(live("speaking", 5, level).map(({ browLeft }) => browLeft));
  expect(brows(1)).toBeGreaterThan(brows(0) + 0.3);
});

test("in a new state it moves there, and does not leap", () => {
  const life = new Life(chance());
  for (let n = 0; n < 120; n++) life.step(16, "listening", 0, true);
  const first = life.step(16, "thinking", 0, true);
  expect(first.browRight).toBeLessThan(0.25);
  for (let n = 0; n < 120; n++) life.step(16, "thinking", 0, true);
  expect(life.step(16, "thinking", 0, true).browRight).toBeCloseTo(0.6, 2);
});

test.each([false, true])("it tells when nothing moves quickly, and when the next quick move is (calm: %s)", (calm) => {
  const life = new Life(chance());
  let restUntil = 0;
  let rested = 0;
  let before = life.step(16, "listening", 0, calm);
  for (let now = 16; now < 60_000; now += 16) {
    const moment = life.step(16, "listening", 0, calm);
    if (now < restUntil) {
      rested += 16;
      expect(moment.blink).toBe(0);
      for (const key of ["gazeX", "gazeY", "smile", "browLeft", "turn", "nod", "tilt"] as const) {
        expect(Math.abs(moment[key] - before[key]), key).toBeLessThan(0.05);
      }
    }
    restUntil = now + life.restMs;
    before = moment;
  }
  expect(rested).toBeGreaterThan(40_000);
});

test("for those who want no motion it blinks, and all else is still", () => {
  const moments = live("hearing", 20, 1, true).slice(120);
  for (const key of ["turn", "nod", "tilt", "breath"] as const) {
    expect(moments.every((moment) => moment[key] === 0)).toBe(true);
  }
  expect(spread(moments.map(({ gazeX }) => gazeX))).toBeLessThan(1e-6);
  expect(Math.max(...moments.map(({ blink }) => blink))).toBe(1);
});

test("everything stays in bounds, over pauses and clocks that go back too", () => {
  const life = new Life(chance());
  const states: AvatarState[] = ["off", "connecting", "listening", "hearing", "thinking", "speaking", "problem"];
  const most = 0;
  for (let n = 0; n < 5000; n++) {
    const moment = life.step([16, 0, -5, 1e6][n % 4] as number, states[n % 7] as AvatarState, 1);
    for (const [key, value] of Object.entries(moment)) expect([key, Math.abs(value) <= 1.3]).toEqual([key, true]);
    expect(moment.blink).toBeGreaterThanOrEqual(0);
    expect(moment.blink).toBeLessThanOrEqual(1);
  }
  expect(most).toBeLessThanOrEqual(1);
});
