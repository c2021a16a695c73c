import { expect, test } from "vitest";
import { placeWords, spokenSpan } from "../../src/talk/words.js";

const words = (...texts: string[]) => texts.map((text, n) => ({ text, start_ms: n * 100, end_ms: n * 100 + 90 }));
const placed = (text: string, ...texts: string[]) =>
  placeWords(text, words(...texts)).map((span) => span && text.slice(span.start, span.end));

test("words are found in order, whatever their case and the marks between them", () => {
  expect(placed("The cat — the Cat, sat.", "the", "cat", "the", "cat", "sat")).toEqual([
    "The",
    "cat",
    "the",
    "Cat",
    "sat",
  ]);
});

test("a word within another is none", () => {
  expect(placeWords("Then there is an it.", words("the", "is", "it"))).toEqual([
    null,
    { start: 11, end: 13 },
    { start: 17, end: 19 },
  ]);
});

test("a word that is not there carries none of the others away", () => {
  expect(placed("It is 5 o'clock. Tea is ready.", "it", "is", "five", "o'clock", "tea", "is", "ready")).toEqual([
    "It",
    "is",
    null,
    "o'clock",
    "Tea",
    "is",
    "ready",
  ]);
});

test("a word that comes only much later is not taken for this one", () => {
  const text = `Yes. ${"word ".repeat(20)}no.`;
  expect(placed(text, "yes", "no")).toEqual(["Yes", null]);
});

test("letters whose small ones are longer keep their places", () => {
  expect(placed("İstanbul is far.", "is", "far")).toEqual(["is", "far"]);
});

test("the word that sounds is the last that has begun", () => {
  const spoken = words("one", "two", "three");
  const places = placeWords("One, two, three", spoken);
  expect(spokenSpan(spoken, places, -1)).toBeNull();
  expect(spokenSpan(spoken, places, 0)).toEqual({ start: 0, end: 3 });
  expect(spokenSpan(spoken, places, 199)).toEqual({ start: 5, end: 8 });
  expect(spokenSpan(spoken, places, 10_000)).toEqual({ start: 10, end: 15 });
  expect(spokenSpan(spoken, [places[0] ?? null, null, null], 250)).toEqual({ start: 0, end: 3 });
  expect(spokenSpan([], [], 100)).toBeNull();
});
