/** The worklet's own code, as the audio thread runs it: blocks of 128 samples in, messages out. */

import { afterEach, describe, expect, test, vi } from "vitest";
import type { CapturedFrame } from "../src/worklets/messages.js";

const BLOCK = 128;
const TONE_HZ = 950; // 19 periods in 320 samples, so that each message can be measured by itself
const LEVEL = 0.5;

interface Processor {
  port: { onmessage: (event: { data: string }) => void };
  process(inputs: Float32Array[][]): boolean;
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The processor in a context of this rate, and what it has posted. */
async function start(sampleRate: number): Promise<{ processor: Processor; posted: CapturedFrame[] }> {
  const posted: CapturedFrame[] = [];
  let made: (new () => Processor) | undefined;
  vi.stubGlobal("sampleRate", sampleRate);
  vi.stubGlobal(
    "AudioWorkletProcessor",
    class {
      port = { postMessage: (frame: CapturedFrame) => posted.push(frame) };
    },
  );
  vi.stubGlobal("registerProcessor", (name: string, processor: new () => Processor) => {
    expect(name).toBe("voicesrv-microphone");
    made = processor;
  });
  await import("../src/worklets/microphone.js");
  return { processor: new (made as unknown as new () => Processor)(), posted };
}

/** Say a tone of so many seconds, and give all that was posted as one. */
function say({ processor, posted }: Awaited<ReturnType<typeof start>>, sampleRate: number, seconds: number) {
  const blocks = Math.ceil((seconds * sampleRate) / BLOCK);
  for (let n = 0; n < blocks; n++) {
    const block = Float32Array.from(
      { length: BLOCK },
      (_, k) => LEVEL * Math.sin((2 * Math.PI * TONE_HZ * (n * BLOCK + k)) / sampleRate),
    );
    processor.process([[block]]);
  }
  return { samples: Float64Array.from(posted.flatMap(({ samples }) => [...samples])), spoken: blocks * BLOCK };
}

describe.each([8_000, 16_000, 44_100, 48_000, 88_200, 96_000])("a microphone of %i Hz", (rate) => {
  test("is heard at 16 kHz: the same tone, as loud, with no jump of phase over its messages", async () => {
    const { samples } = say(await start(rate), rate, 3);
    const from = 1600; // past the filter's run-in
    // In turns from an ideal tone that starts with it: where the phase stays, so does the frequency, to the hertz.
    const phases: number[] = [];
    for (let at = from; at + 320 <= samples.length; at += 320) {
      let [sin, cos] = [0, 0];
      for (let k = at; k < at + 320; k++) {
        const angle = (2 * Math.PI * TONE_HZ * k) / 16_000;
        sin += (samples[k] as number) * Math.sin(angle);
        cos += (samples[k] as number) * Math.cos(angle);
      }
      phases.push(Math.atan2(cos, sin) / (2 * Math.PI));
      expect(Math.hypot(sin, cos) / 160 / 32_768).toBeCloseTo(LEVEL, 2);
    }
    expect(phases.length).toBeGreaterThan(130);
    expect(Math.max(...phases) - Math.min(...phases)).toBeLessThan(0.001);
    // And nothing beside it: what is left without the tone is under -60 dB.
    const phase = 2 * Math.PI * (phases[0] as number);
    const rest = samples
      .subarray(from)
      .map((sample, k) => sample / 32_768 - LEVEL * Math.sin((2 * Math.PI * TONE_HZ * (k + from)) / 16_000 + phase));
    const power = rest.reduce((sum, sample) => sum + sample * sample, 0) / rest.length;
    expect(10 * Math.log10(power / (LEVEL * LEVEL * 0.5))).toBeLessThan(-60);
  });

  test("gives messages of 20 ms, as many as there was time, and the rest when asked", async () => {
    const started = await start(rate);
    const { spoken } = say(started, rate, 1);
    const { posted } = started;
    expect(new Set(posted.map(({ samples }) => samples.length))).toEqual(new Set([320]));
    const heldBack = (spoken * 16_000) / rate - posted.length * 320;
    expect(heldBack).toBeLessThan(320 + 0.0045 * 16_000); // a message, and the filter's reach: 4 ms at 8 kHz
    started.processor.port.onmessage({ data: "flush" });
    const last = posted.at(-1) as CapturedFrame;
    expect(last.flushed).toBe(true);
    expect(last.samples.length).toBeLessThan(320);
    expect(posted.filter(({ flushed }) => flushed)).toHaveLength(1);
  });
});

test("waits for its source", async () => {
  const { processor, posted } = await start(48_000);
  expect(processor.process([[]])).toBe(true);
  expect(posted).toEqual([]);
});
