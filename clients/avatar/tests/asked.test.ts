import { expect, test } from "vitest";
import { Asked } from "../src/asked.js";

const FACE = { words: true, visemes: true };

test("what is the same is not told again", () => {
  const asked = new Asked({ ...FACE, agent: "guide" });
  expect(asked.change({ ...FACE, agent: "guide" })).toBeNull();
  expect(asked.change({ ...FACE, agent: "cook" })).toEqual({ agent: "cook" });
  expect(asked.change({ ...FACE, agent: "cook" })).toBeNull();
});

test("what is not asked for any more is as the server has it by itself", () => {
  const asked = new Asked({ ...FACE, agent: "guide", language: "fr" });
  asked.ready({ agent: "guide", language: "fr", llm: "small", voice: "anna", sample_rate: 16000 } as object);
  expect(asked.change({ llm: "large", voice: "ben", keyterms: ["Gouda"] })).toEqual({
    ...{ agent: "default", language: "en", llm: "large", voice: "ben", keyterms: ["Gouda"] }, // nobody told its language
    ...{ words: false, visemes: false },
  });
  expect(asked.change(FACE)).toEqual({ ...FACE, llm: "small", voice: "anna", keyterms: [] });
});

test("a later connection tells what was asked for, which is not the server's choice", () => {
  const asked = new Asked(FACE);
  asked.ready({ agent: "default", voice: "anna" });
  asked.change({ ...FACE, voice: "ben" });
  asked.taken();
  asked.ready({ agent: "default", voice: "ben" });
  expect(asked.change(FACE)).toEqual({ voice: "anna" });
});

test("one wait means that one for all, and both go back", () => {
  const asked = new Asked(FACE);
  asked.ready({ endpointing_ms: 0, endpointing_max_ms: 0 }); // push to talk
  expect(asked.change({ ...FACE, endpointing_ms: 500 })).toEqual({ endpointing_ms: 500, endpointing_max_ms: 0 });
  expect(asked.change(FACE)).toEqual({ endpointing_ms: 300, endpointing_max_ms: 1500 });
});

test("what was refused is told anew, all of it", () => {
  const asked = new Asked(FACE);
  asked.change({ ...FACE, agent: "nobody", voice: "anna" });
  asked.refused({ ...FACE, agent: "default", voice: "" });
  expect(asked.change({ ...FACE, agent: "guide", voice: "anna" })).toEqual({ agent: "guide", voice: "anna" });
  asked.taken();
  asked.refused({ ...FACE, agent: "default", voice: "" }); // that was something else
  expect(asked.change({ ...FACE, agent: "guide", voice: "ben" })).toEqual({ voice: "ben" });
});

test("what was refused is not asked for again as it is, and there is nothing to tell where all is as before", () => {
  const asked = new Asked(FACE);
  asked.change({ ...FACE, agent: "nobody" });
  asked.refused({ ...FACE, agent: "default" });
  expect(asked.change({ ...FACE, agent: "nobody" })).toBeNull();
  expect(asked.change(FACE)).toEqual({});
  expect(asked.change({ ...FACE, agent: "nobody" })).toEqual({ agent: "nobody" });
});
