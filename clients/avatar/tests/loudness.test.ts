import { expect, test } from "vitest";
import { LoudnessFollower } from "../src/loudness.js";
import { dominant, only, VISEMES } from "../src/visemes.js";

const RATE = 24_000;

function tone(hz: number, amplitude: number, length = 512): Float32Array {
  return Float32Array.from({ length }, (_, n) => amplitude * Math.sin((2 * Math.PI * hz * n) / RATE));
}

/** The mouth after so many frames of the same sound. */
function after(follower: LoudnessFollower, samples: Float32Array, frames: number) {
  let weights = only("sil");
  for (let n = 0; n < frames; n++) weights = follower.follow(samples, 16);
  return weights;
}

test("silence is a closed mouth", () => {
  expect(after(new LoudnessFollower(), new Float32Array(512), 20)).toEqual(only("sil"));
  expect(after(new LoudnessFollower(), tone(500, 0.003), 20)).toEqual(only("sil"));
});

test("the louder, the wider; weights stay in bounds, however loud", () => {
  const open = [0.01, 0.05, 0.15, 0.9, 5].map((loud) => 1 - after(new LoudnessFollower(), tone(500, loud), 20).sil);
  expect(open).toEqual([...open].sort());
  expect(open[0]).toBeGreaterThan(0.05);
  expect(open.at(-1)).toBeLessThanOrEqual(1);
  const weights = after(new LoudnessFollower(), tone(1500, 5), 20);
  const values = VISEMES.map((name) => weights[name]);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(values.reduce((sum, value) => sum + value)).toBeCloseTo(1, 9);
});

test("it opens within two frames and closes within a dozen", () => {
  const follower = new LoudnessFollower();
  after(follower, tone(500, 0.3), 2);
  expect(follower.openness).toBeGreaterThan(0.6);
  after(follower, new Float32Array(512), 12);
  expect(follower.openness).toBeLessThan(0.1);
});

test("a quiet voice after a loud one is seen again in time", () => {
  const follower = new LoudnessFollower();
  after(follower, tone(500, 0.9), 20);
  after(follower, tone(500, 0.1), 20);
  const soon = follower.openness;
  after(follower, tone(500, 0.1), 2000);
  expect(follower.openness).toBeGreaterThan(soon + 0.1);
});

test("dark sound is round, bright sound shows teeth, the rest is open", () => {
  expect(dominant(after(new LoudnessFollower(), tone(300, 0.3), 20))).toBe("oh");
  expect(dominant(after(new LoudnessFollower(), tone(2000, 0.3), 20))).toBe("aa");
  expect(dominant(after(new LoudnessFollower(), tone(6000, 0.3), 20))).toBe("SS");
});

test("time that stands still and a buffer that is empty harm nothing", () => {
  const follower = new LoudnessFollower();
  expect(follower.follow(tone(500, 0.5), 0)).toEqual(only("sil"));
  expect(follower.follow(new Float32Array(0), 16)).toEqual(only("sil"));
});
