import { expect, test } from "vitest";
import { meterLevel, rootMeanSquare } from "../../src/talk/level.js";

test("silence is nothing, a loud voice all, and the way between them even in decibels", () => {
  expect(meterLevel(0)).toBe(0);
  expect(meterLevel(0.001)).toBe(0); // -60 dB
  expect(meterLevel(1)).toBe(1);
  const [quiet, middle, loud] = [0.005, 0.05, 0.5].map(meterLevel) as [number, number, number];
  expect(middle - quiet).toBeCloseTo(20 / 45);
  expect(loud).toBeGreaterThan(middle);
});

test("the root mean square of a square wave is its height", () => {
  expect(rootMeanSquare([0.5, -0.5, 0.5, -0.5])).toBeCloseTo(0.5);
  expect(rootMeanSquare(new Float32Array(0))).toBe(0);
});
