import { expect, test } from "vitest";
import { Framer } from "../src/framing.js";

test("cuts frames of one length, and the rest when asked", () => {
  const framer = new Framer(4);
  expect(framer.feed(new Float32Array(3))).toEqual([]);
  expect(framer.feed(Float32Array.of(0.25, 0.5, 0, 0, 0, -1))).toEqual([
    Int16Array.of(0, 0, 0, 8192),
    Int16Array.of(16384, 0, 0, 0),
  ]);
  expect(framer.flush()).toEqual(Int16Array.of(-32768));
  expect(framer.flush()).toHaveLength(0);
});

test("clips what is over full scale, and rounds", () => {
  const [frame] = new Framer(4).feed(Float32Array.of(1, -1.5, 2, 0.6 / 32768));
  expect(frame).toEqual(Int16Array.of(32767, -32768, 32767, 1));
});

test("frames that were given are not written again", () => {
  const framer = new Framer(2);
  const [first] = framer.feed(Float32Array.of(0.5, 0.5));
  framer.feed(Float32Array.of(0, 0));
  expect(first).toEqual(Int16Array.of(16384, 16384));
});
