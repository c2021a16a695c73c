import { expect, test } from "vitest";
import { changesTo } from "../src/asked.js";

const FACE = { words: true, visemes: true };

test("what is the same is not told again", () => {
  expect(changesTo({ ...FACE, tools: [{ name: "t" }] }, { tools: [{ name: "t" }], ...FACE })).toEqual({});
  expect(changesTo({ ...FACE, agent: "guide" }, { ...FACE, agent: "cook" })).toEqual({ agent: "cook" });
});

test("what is not wished any more is the server's choice again", () => {
  expect(changesTo({ ...FACE, agent: "guide", keyterms: ["Gouda"] }, FACE)).toEqual({ agent: null, keyterms: null });
});

test("one wait means that one for all, two are told together", () => {
  const two = { endpointing_ms: 400, endpointing_max_ms: 900 };
  expect(changesTo({}, { endpointing_ms: 500 })).toEqual({ endpointing_ms: 500 });
  expect(changesTo(two, { ...two, endpointing_ms: 500 })).toEqual({ endpointing_ms: 500, endpointing_max_ms: 900 });
  expect(changesTo(two, {})).toEqual({ endpointing_ms: null, endpointing_max_ms: null });
});

test("the waits of push to talk are left alone", () => {
  const wished = { agent: "cook", endpointing_ms: 500 };
  expect(changesTo({ endpointing_ms: 0 }, wished, true)).toEqual({ agent: "cook" });
});
