import { expect, test } from "vitest";
import { Pace } from "../src/pace.js";

test("a burst, then the rate; some is kept for what cannot wait", () => {
  const pace = new Pace();
  pace.start(20, 40, 1000);
  for (let n = 0; n < 15; n++) {
    expect(pace.waitMs(1000)).toBe(0);
    pace.spend(1000);
  }
  expect(pace.waitMs(1000)).toBe(56); // 18 a second
  expect(pace.waitMs(1056)).toBe(0);
  for (let n = 0; n < 5; n++) {
    expect(pace.hasAny(1000)).toBe(true);
    pace.spend(1000);
  }
  expect(pace.hasAny(1000)).toBe(false);
  expect(pace.waitMs(1000)).toBe(334);
});

test("what is not used does not heap up, and another connection begins anew", () => {
  const pace = new Pace();
  pace.start(20, 40, 0);
  for (let n = 0; n < 15; n++) pace.spend(100_000);
  expect(pace.waitMs(100_000)).toBeGreaterThan(0);
  pace.start(20, 40, 100_000);
  expect(pace.waitMs(100_000)).toBe(0);
});

test("a server that takes few at once is still spoken to", () => {
  const pace = new Pace();
  pace.start(1, 2, 0);
  expect(pace.waitMs(0)).toBe(0);
  pace.spend(0);
  expect(pace.waitMs(0)).toBe(1112);
});
