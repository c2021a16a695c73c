import { expect, test } from "vitest";
import { Asked } from "../src/asked.js";

const FACE = { words: true, visemes: true };

test("what is the same is not told again", () => {
  const asked = new Asked({ ...FACE, agent: "guide", tools: [{ name: "t" }] });
  expect(asked.change({ tools: [{ name: "t" }], agent: "guide", ...FACE })).toBeNull();
  expect(asked.change({ ...FACE, agent: "cook", tools: [{ name: "t" }] })).toEqual({ agent: "cook" });
  expect(asked.change({ ...FACE, agent: "cook", tools: [{ name: "t" }] })).toBeNull();
});

test("what is not wished any more is the server's choice again", () => {
  const asked = new Asked({ ...FACE, agent: "guide", keyterms: ["Gouda"] });
  expect(asked.change(FACE)).toEqual({ agent: null, keyterms: null });
});

test("one wait means that one for all, two are told together", () => {
  const two = { endpointing_ms: 400, endpointing_max_ms: 900 };
  expect(new Asked({}).change({ endpointing_ms: 500 })).toEqual({ endpointing_ms: 500 });
  expect(new Asked(two).change({ ...two, endpointing_ms: 500 })).toEqual({ ...two, endpointing_ms: 500 });
  expect(new Asked(two).change({})).toEqual({ endpointing_ms: null, endpointing_max_ms: null });
});

test("what was refused is told anew with what it was refused for, and stands in nobody's way", () => {
  const asked = new Asked(FACE);
  expect(asked.change({ ...FACE, agent: "nobody", voice: "anna" })).toEqual({ agent: "nobody", voice: "anna" });
  asked.refused({ agent: "nobody", voice: "anna" });
  expect(asked.change({ ...FACE, agent: "nobody", voice: "anna" })).toBeNull();
  expect(asked.change({ ...FACE, agent: "nobody", voice: "anna", interrupt: false })).toEqual({ interrupt: false });
  expect(asked.change({ ...FACE, agent: "guide", voice: "anna" })).toEqual({
    agent: "guide",
    voice: "anna",
    interrupt: null,
  });
  expect(asked.change({ ...FACE, agent: "guide", voice: "ben" })).toEqual({ voice: "ben" });
});

test("what was refused and is not wished any more is told as that", () => {
  const asked = new Asked(FACE);
  asked.change({ ...FACE, agent: "nobody" });
  asked.refused({ agent: "nobody" });
  expect(asked.change(FACE)).toEqual({ agent: null });
});
