import { expect, test, vi } from "vitest";
import { outputLatencyMs } from "../src/output-latency.js";

const FIREFOX = "Gecko/20100101 Firefox/153.0";
let looks = 0;

/** A context that notes each look. */
function context(outputLatency: number | undefined, baseLatency = 0.01): AudioContext {
  looks = 0;
  return {
    get outputLatency() {
      looks++;
      return outputLatency;
    },
    baseLatency,
  } as AudioContext;
}

function browse(userAgent: string): void {
  vi.stubGlobal("navigator", { userAgent });
}

test("what the browser says, or else the least that it may be", () => {
  browse("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36");
  expect(outputLatencyMs(context(0.04))).toBe(40);
  expect(outputLatencyMs(context(0))).toBe(10);
  expect(outputLatencyMs(context(undefined))).toBe(10);
  expect(outputLatencyMs(context(0, 0))).toBe(0);
});

test.each(["X11; Linux x86_64", "X11; Ubuntu; Linux x86_64", "X11; FreeBSD amd64"])(
  "Firefox freezes where it is asked: what it is like is assumed on %s",
  (system) => {
    browse(`Mozilla/5.0 (${system}; rv:153.0) ${FIREFOX}`);
    expect(outputLatencyMs(context(0.02, 0))).toBe(43);
    expect(looks).toBe(0);
  },
);

test.each(["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10.15", "Android 16; Mobile"])(
  "Firefox is asked on %s",
  (system) => {
    browse(`Mozilla/5.0 (${system}; rv:153.0) ${FIREFOX}`);
    expect(outputLatencyMs(context(0.04))).toBe(40);
  },
);
