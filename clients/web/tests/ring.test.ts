import { expect, test } from "vitest";
import { MicrophoneRing } from "../src/ring.js";

/** Samples `from` to `to`, each its own position. */
const span = (from: number, to: number) => Int16Array.from({ length: to - from }, (_, n) => from + n);

test("gives what came once, in order", () => {
  const ring = new MicrophoneRing(100);
  ring.append(span(0, 500));
  ring.append(span(500, 900));
  expect(ring.end).toBe(900);
  expect(ring.pending(undefined, 300)).toEqual(span(0, 300));
  expect(ring.pending(600)).toEqual(span(300, 600));
  expect(ring.pending(600)).toEqual(span(0, 0));
  expect(ring.pending(500)).toEqual(span(0, 0));
  expect(ring.pending()).toEqual(span(600, 900));
  expect(ring.pending()).toEqual(span(0, 0));
});

test("goes back to what the server has", () => {
  const ring = new MicrophoneRing(100);
  ring.append(span(0, 1000));
  ring.pending();
  expect(ring.rewind(50)).toBe(0);
  expect(ring.pending()).toEqual(span(800, 1000));
  expect(ring.rewind(1000)).toBe(0); // the server claims more than there was
  expect(ring.pending()).toHaveLength(0);
});

test("lets audio through where nothing is to be kept", () => {
  const ring = new MicrophoneRing(0);
  ring.append(span(0, 320));
  expect(ring.pending()).toEqual(span(0, 320));
});

test("says what is lost where the drop was longer than what is kept", () => {
  const ring = new MicrophoneRing(100); // 1600 samples
  ring.append(span(0, 800));
  ring.pending();
  for (let n = 800; n < 4000; n += 320) ring.append(span(n, n + 320));
  expect(ring.rewind(50)).toBe(100); // 800 to 2400
  expect(ring.pending()).toEqual(span(2400, 4000));
  // From now on the server's count leaves the gap out.
  expect(ring.rewind(50 + 50)).toBe(0);
  expect(ring.pending()).toEqual(span(3200, 4000));
});

test("leaves out what was overwritten before it could be sent", () => {
  const ring = new MicrophoneRing(100);
  ring.append(span(0, 3200));
  expect(ring.pending()).toEqual(span(1600, 3200));
  expect(ring.rewind(50)).toBe(0);
  expect(ring.pending()).toEqual(span(2400, 3200));
});

test("holds its capacity whatever the pieces", () => {
  const ring = new MicrophoneRing(100);
  let at = 0;
  for (const length of [7, 1599, 1600, 1601, 5000, 3, 0, 320]) {
    ring.append(span(at, at + length));
    at += length;
    ring.rewind(0);
    const kept = ring.pending();
    expect(kept).toEqual(span(Math.max(0, at - 1600), at));
    ring.restart();
    at = 0;
  }
});

test("a new conversation knows nothing of what was said before", () => {
  const ring = new MicrophoneRing(100);
  ring.append(span(0, 320));
  ring.restart(2000); // the server has 2 s from others
  expect(ring.pending()).toHaveLength(0);
  ring.append(span(320, 640));
  ring.pending();
  expect(ring.rewind(2010)).toBe(0);
  expect(ring.pending()).toEqual(span(480, 640));
});

test("what is said while the first connection is made belongs to it", () => {
  const ring = new MicrophoneRing(100);
  ring.append(span(0, 320));
  ring.begin(500);
  expect(ring.pending()).toEqual(span(0, 320));
  expect(ring.rewind(510)).toBe(0);
  expect(ring.pending()).toEqual(span(160, 320));
});
