import { describe, expect, test } from "vitest";
import { JitterBuffer } from "../src/jitter-buffer.js";

const RATE = 24_000;
const BLOCK = 128;
const PER_MS = RATE / 1000;

/** `ms` of audio that rises, so that each sample tells its place; never silent. */
const ramp = (fromMs: number, ms: number) =>
  Float32Array.from({ length: ms * PER_MS }, (_, n) => 0.1 + (fromMs * PER_MS + n) / 1e7);
const loud = (ms: number) => new Float32Array(ms * PER_MS).fill(0.5);

/** Pull for so long, and give all of it. */
function pull(buffer: JitterBuffer, ms: number): Float32Array {
  const blocks = Math.ceil((ms * PER_MS) / BLOCK);
  const out = new Float32Array(blocks * BLOCK);
  for (let n = 0; n < blocks; n++) buffer.pull(out.subarray(n * BLOCK, (n + 1) * BLOCK));
  return out;
}

const silence = (samples: Float32Array) => samples.every((sample) => sample === 0);
const indexOfSound = (samples: Float32Array) => samples.findIndex((sample) => sample !== 0);

/** Deterministic numbers in [0, 1): mulberry32. */
function chance(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Play a reply whose messages are sent in real time and arrive late by chance, in order as over TCP.
 *
 * @returns what was heard from its first sample on, and after how long that came.
 */
function play(totalMs: number, messageMs: number, latenessMs: (n: number) => number, buffer = new JitterBuffer(RATE)) {
  let latest = 0;
  const arrivals = Array.from({ length: totalMs / messageMs }, (_, n) => {
    latest = Math.max(latest, 100 + n * messageMs + latenessMs(n));
    return latest;
  });
  const out = new Float32Array((totalMs + 1000) * PER_MS);
  let next = 0;
  for (let at = 0; at < out.length - BLOCK; at += BLOCK) {
    for (; next < arrivals.length && (arrivals[next] as number) <= at / PER_MS; next++) {
      buffer.push(1, ramp(next * messageMs, messageMs));
      if (next === arrivals.length - 1) buffer.end(1);
    }
    buffer.pull(out.subarray(at, at + BLOCK));
  }
  const first = indexOfSound(out);
  const heard = out.subarray(first, first + totalMs * PER_MS);
  return { heard, afterMs: first / PER_MS - (arrivals[0] as number) };
}

/** Whether what was heard is the whole reply; comparing such arrays by `toEqual` takes seconds. */
function isWhole(heard: Float32Array, totalMs: number): boolean {
  const sent = ramp(0, totalMs);
  return heard.length === sent.length && heard.every((sample, n) => sample === sent[n]);
}

describe("a reply of 60 s whose audio comes in real time, ±30 ms", () => {
  test.each(Array.from({ length: 10 }, (_, seed) => [seed, [20, 40, 100][seed % 3] as number]))(
    "seed %i, %i ms a message: no underrun, every sample once, and it starts in time",
    (seed, messageMs) => {
      const random = chance(seed);
      const buffer = new JitterBuffer(RATE);
      const { heard, afterMs } = play(60_000, messageMs, () => random() * 60 - 30, buffer);
      expect(buffer.underruns).toBe(0);
      expect(isWhole(heard, 60_000)).toBe(true);
      expect(afterMs).toBeLessThanOrEqual(66 + BLOCK / PER_MS);
    },
  );

  test("the earliest message first and the latest right after it is the worst, and is hidden too", () => {
    const buffer = new JitterBuffer(RATE);
    const { heard } = play(2000, 20, (n) => (n === 0 ? -30 : 30), buffer);
    expect(buffer.underruns).toBe(0);
    expect(isWhole(heard, 2000)).toBe(true);
  });

  test("±60 ms is more than is hidden at first: the delay grows until it is", () => {
    const random = chance(1);
    const buffer = new JitterBuffer(RATE);
    play(60_000, 20, () => random() * 120 - 60, buffer);
    expect(buffer.underruns).toBeGreaterThan(0);
    expect(buffer.underruns).toBeLessThan(4);
    expect(buffer.delayMs).toBeGreaterThanOrEqual(99);
  });
});

describe("the start of a reply", () => {
  test("does not wait where audio comes faster than it sounds", () => {
    const buffer = new JitterBuffer(RATE);
    for (let n = 0; n < 5; n++) buffer.push(1, ramp(n * 20, 20)); // 100 ms at once
    expect(indexOfSound(pull(buffer, 20))).toBe(0);
  });

  test("does not wait where all of it is there", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.push(1, ramp(0, 20));
    buffer.end(1);
    const out = pull(buffer, 30);
    expect(out.subarray(0, 480)).toEqual(ramp(0, 20));
    expect(buffer.takeFinished()).toEqual([{ reply: 1, positionMs: 20, aheadMs: 0, sounding: false, done: true }]);
    expect(buffer.playhead).toBeNull();
  });

  test("waits 66 ms where only one message is there, to the sample", () => {
    const buffer = new JitterBuffer(RATE);
    pull(buffer, 100);
    buffer.push(1, loud(100));
    expect(buffer.playhead).toMatchObject({ reply: 1, sounding: false, positionMs: 0, aheadMs: 100 });
    expect(indexOfSound(pull(buffer, 100)) / PER_MS).toBe(66);
    expect(buffer.playhead).toMatchObject({ sounding: true });
  });

  test("counts from where its audio begins", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.push(1, loud(100), 5000);
    buffer.end(1);
    pull(buffer, 16);
    expect(buffer.playhead).toMatchObject({ positionMs: 5016, aheadMs: 84 });
  });
});

test("a reply whose end was not told keeps back none that follows", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(1, ramp(0, 1), 1353);
  pull(buffer, 100);
  buffer.push(2, loud(200));
  expect(indexOfSound(pull(buffer, 300))).toBeGreaterThanOrEqual(0);
  expect(buffer.replies).toEqual([2]);
});

test("a reply that goes on further on is counted from there, and has not run dry", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(1, loud(100), 0);
  pull(buffer, 300);
  buffer.push(1, loud(100), 5000);
  buffer.push(1, loud(100), 5101); // rounded
  pull(buffer, 16);
  expect(buffer.playhead).toMatchObject({ positionMs: 5016, aheadMs: 184 });
  expect(buffer.underruns).toBe(0);
});

test("replies follow each other without a gap", () => {
  const buffer = new JitterBuffer(RATE);
  buffer.push(1, ramp(0, 15));
  buffer.push(2, ramp(15, 15));
  buffer.end(1);
  buffer.end(2);
  expect(buffer.waitingMs).toBe(30);
  expect(pull(buffer, 30).subarray(0, 720)).toEqual(ramp(0, 30));
  expect(buffer.takeFinished().map(({ reply }) => reply)).toEqual([1, 2]);
});

describe("running dry", () => {
  test("in the midst is an underrun; it dies away and comes back without a click, and no sample is lost", () => {
    const buffer = new JitterBuffer(RATE);
    for (let n = 0; n < 5; n++) buffer.push(1, loud(20));
    const before = pull(buffer, 200);
    expect(buffer.underruns).toBe(0); // its end may be under way
    expect(buffer.playhead).toMatchObject({ sounding: false, positionMs: 100 });
    buffer.push(1, loud(200));
    buffer.end(1);
    expect(buffer.underruns).toBe(1);
    expect(buffer.delayMs).toBe(99);
    const out = Float32Array.from([...before, ...pull(buffer, 250)]);
    const steps = out.map((sample, n) => Math.abs(sample - (out[n - 1] ?? 0.5)));
    expect(Math.max(...steps)).toBeLessThan(0.02);
    expect(out.filter((sample) => sample === 0.5).length).toBe(300 * PER_MS - 64);
    expect(buffer.takeFinished()).toMatchObject([{ positionMs: 300, done: true }]);
  });

  test("at the end is none", () => {
    const buffer = new JitterBuffer(RATE);
    for (let n = 0; n < 5; n++) buffer.push(1, loud(20));
    pull(buffer, 200);
    buffer.end(1);
    pull(buffer, 10);
    expect(buffer.underruns).toBe(0);
    expect(buffer.takeFinished()).toMatchObject([{ reply: 1, positionMs: 100, done: true }]);
  });

  test("makes later replies wait longer, until some have gone well", () => {
    const buffer = new JitterBuffer(RATE);
    for (let n = 0; n < 6; n++) {
      buffer.push(1, loud(100));
      pull(buffer, 500);
    }
    expect(buffer.delayMs).toBe(200); // and no longer
    buffer.end(1);
    for (let reply = 2; reply < 20; reply++) {
      buffer.push(reply, loud(20));
      buffer.end(reply);
      pull(buffer, 40);
    }
    expect(buffer.delayMs).toBe(66);
  });
});

describe("clear", () => {
  test("falls silent within 10 ms, without a click, and says what was played", () => {
    const buffer = new JitterBuffer(RATE);
    for (let n = 0; n < 10; n++) buffer.push(1, loud(20));
    pull(buffer, 48);
    buffer.clear(1);
    const out = pull(buffer, 100);
    expect(silence(out.subarray(10 * PER_MS))).toBe(true);
    const steps = out.map((sample, n) => Math.abs(sample - (out[n - 1] ?? 0.5)));
    expect(Math.max(...steps)).toBeLessThan(0.01);
    expect(buffer.takeFinished()).toMatchObject([{ reply: 1, positionMs: 56, done: true }]);
    expect(buffer.waitingMs).toBe(0);
  });

  test("leaves other replies alone", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.push(1, loud(100));
    buffer.end(1);
    buffer.push(2, loud(100));
    buffer.end(2);
    buffer.push(3, loud(100));
    pull(buffer, 16);
    buffer.clear(3);
    buffer.clear(1);
    pull(buffer, 8 + 100 + 20);
    const finished = buffer.takeFinished();
    expect(finished.map(({ reply, positionMs }) => [reply, Math.round(positionMs)])).toEqual([
      [3, 0],
      [1, 24],
      [2, 100],
    ]);
  });

  test("of a reply that is not there does nothing", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.clear(7);
    buffer.end(7);
    expect(silence(pull(buffer, 20))).toBe(true);
    expect(buffer.takeFinished()).toEqual([]);
  });

  test("of everything is a reset", () => {
    const buffer = new JitterBuffer(RATE);
    buffer.push(1, loud(100));
    buffer.push(2, loud(100));
    buffer.reset();
    pull(buffer, 20);
    expect(buffer.playhead).toBeNull();
    buffer.push(1, loud(20), 0); // the same number, another reply
    buffer.end(1);
    pull(buffer, 10);
    expect(buffer.playhead).toMatchObject({ reply: 1, sounding: true });
  });
});

test("what piles up while nothing may be played is bounded, the oldest going first", () => {
  const buffer = new JitterBuffer(RATE, { maxWaitingMs: 1000 });
  for (let n = 0; n < 150; n++) buffer.push(1, ramp(n * 20, 20));
  expect(buffer.waitingMs).toBe(1000);
  buffer.end(1);
  expect(pull(buffer, 16).subarray(0, 384)).toEqual(ramp(2000, 16));
});
