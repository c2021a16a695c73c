import { expect, test } from "vitest";
import { count, milliseconds, shownSpan, uptime } from "../../src/console/format.js";

test.each([
  [null, "–"],
  [0.0004, "0 ms"],
  [0.32, "320 ms"],
  [1.5, "1.50 s"],
])("%d s is %s", (seconds, text) => {
  expect(milliseconds(seconds)).toBe(text);
});

test.each([
  [0, "0 s"],
  [-3, "0 s"],
  [59.9, "59 s"],
  [61, "1 min 1 s"],
  [3600, "1 h 0 min"],
  [90_061, "1 d 1 h"],
])("%d s have been %s", (seconds, text) => {
  expect(uptime(seconds)).toBe(text);
});

test("many are in groups", () => {
  expect(count(12_345)).toBe("12,345");
  expect([0, 1, 2].map((n) => count(n, "turn"))).toEqual(["0 turns", "1 turn", "2 turns"]);
});

test("a chart of a console that was just opened goes over a minute", () => {
  expect(shownSpan([1000])).toEqual([940, 1000]);
  expect(shownSpan([1000, 1002])).toEqual([942, 1002]);
});

test("later over all of the time that it was looked at", () => {
  expect(shownSpan([1000, 1060])).toEqual([1000, 1060]);
  expect(shownSpan([1000, 1400, 1900])).toEqual([1000, 1900]);
});

test("without a look there is none", () => {
  expect(shownSpan([])).toEqual([null, null]);
});
