import { beforeEach, expect, test, vi } from "vitest";
import { OutputLatency } from "../src/output-latency.js";

let nowMs = 0;
let looks = 0;
beforeEach(() => {
  nowMs = looks = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
});

/** A context of a device, which notes each look. */
function device(outputLatency: number | undefined, baseLatency = 0.01): AudioContext {
  return {
    get outputLatency() {
      looks++;
      return outputLatency;
    },
    baseLatency,
  } as AudioContext;
}

function draw(latency: OutputLatency, context: AudioContext, seconds: number, isSounding = true): number {
  let ms = 0;
  for (const until = nowMs + seconds * 1000; nowMs < until; nowMs += 16) ms = latency.of(context, isSounding);
  return ms;
}

test("an hour of frames takes a few looks, and what they settled on", () => {
  const latency = new OutputLatency();
  expect(draw(latency, device(undefined), 2, false)).toBe(10);
  expect(draw(latency, device(0.02), 0.2)).toBe(20);
  expect(draw(latency, device(0.04), 3600)).toBe(40);
  expect(looks).toBeLessThanOrEqual(1 + 4);
});

test("another device is looked at anew", () => {
  const latency = new OutputLatency();
  draw(latency, device(0.02), 5);
  expect(draw(latency, device(0.2), 5)).toBe(20);
  latency.reset();
  expect(draw(latency, device(0.2), 5)).toBe(200);
});

test("one that is not known yet is looked for", () => {
  const latency = new OutputLatency();
  expect(draw(latency, device(0, 0), 5, false)).toBe(0);
  expect(draw(latency, device(0.03), 0.5, false)).toBe(30);
});
