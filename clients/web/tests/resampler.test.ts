import { describe, expect, test } from "vitest";
import { Resampler } from "../src/resampler.js";

const RATES: [number, number][] = [
  [48_000, 16_000],
  [44_100, 16_000],
  [96_000, 16_000],
  [8_000, 16_000],
  [22_050, 16_000],
  [24_000, 48_000],
  [24_000, 44_100],
];

const tone = (hz: number, rate: number, length = rate / 2) =>
  Float32Array.from({ length }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rate));

/** dB of a signal against a full tone of 0.5, without the filter's run-in. */
function levelDb(samples: Float32Array): number {
  const steady = samples.subarray(samples.length >> 2, samples.length - (samples.length >> 2));
  const power = steady.reduce((sum, sample) => sum + sample * sample, 0) / steady.length;
  return 10 * Math.log10(power / 0.125 + 1e-20);
}

describe.each(RATES)("%i to %i Hz", (from, to) => {
  const nyquist = Math.min(from, to) / 2;
  const convert = (samples: Float32Array) => {
    const resampler = new Resampler(from, to);
    const parts = [resampler.feed(samples), resampler.flush()];
    return Float32Array.from(parts.flatMap((part) => [...part]));
  };

  test.each([0.01, 0.3, 0.6, 0.85])("a tone at %f of Nyquist passes as it is", (part) => {
    const hz = part * nyquist;
    const out = convert(tone(hz, from));
    expect(Math.abs(levelDb(out))).toBeLessThan(0.02);
    // Not its level alone, but the tone itself, where it belongs in time, and no image beside it.
    const ideal = tone(hz, to, out.length);
    expect(levelDb(out.map((sample, n) => sample - (ideal[n] as number)))).toBeLessThan(part > 0.8 ? -55 : -75);
  });

  const beyond = [1.05, 1.3, 1.9].filter((part) => part * nyquist < from / 2);
  test.each(beyond)("a tone at %f of the new Nyquist leaves no alias", (part) => {
    expect(levelDb(convert(tone(part * nyquist, from)))).toBeLessThan(-75);
  });

  test("gives as many samples as it should, however the input is cut", () => {
    const input = tone(440, from, 4001).map((sample, n) => sample + (n % 7) / 50);
    const whole = convert(input);
    expect(whole.length).toBe(Math.ceil((4001 * to) / from));
    const resampler = new Resampler(from, to);
    const pieces: number[] = [];
    for (let at = 0, n = 0; at < input.length; n++) {
      const length = (n * 37) % 129; // 0 to 128
      pieces.push(...resampler.feed(input.subarray(at, at + length)));
      at += length;
    }
    pieces.push(...resampler.flush());
    expect(Float32Array.from(pieces)).toEqual(whole);
  });
});

test("holds back 2 ms at 48 kHz, so a turn's end is heard at once", () => {
  const resampler = new Resampler(48_000, 16_000);
  const out = resampler.feed(new Float32Array(48_000));
  expect(16_000 - out.length).toBeLessThanOrEqual(0.002 * 16_000);
});

test("starts anew after a flush", () => {
  const resampler = new Resampler(48_000, 16_000);
  const once = [...resampler.feed(tone(300, 48_000, 999)), ...resampler.flush()];
  expect([...resampler.feed(tone(300, 48_000, 999)), ...resampler.flush()]).toEqual(once);
});
