import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { atMost } from "../src/at-most.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("what comes in time is waited for no longer, and leaves no timer", async () => {
  expect(await atMost(100, Promise.resolve())).toBe(true);
  await expect(atMost(100, Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(vi.getTimerCount()).toBe(0);
});

test("what does not come is waited for so long", async () => {
  const waiting = atMost(100, new Promise(() => undefined));
  await vi.advanceTimersByTimeAsync(99);
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await waiting).toBe(false);
});
