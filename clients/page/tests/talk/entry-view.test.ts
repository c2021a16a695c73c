import { expect, test } from "vitest";
import { carried, messageBytes, sends } from "../../src/talk/entry-view.js";

test.each([
  ["", 25],
  ["hello", 30],
  ["grün", 30], // UTF-8
  ['say "no"\n', 37], // as JSON escapes it
])("%j as a message: %i bytes", (text, bytes) => {
  expect(messageBytes(text)).toBe(bytes);
});

test.each([
  ["  Hello. ", "Hello."],
  ["a\0b", "ab"],
  ["\0", ""],
  ["half \ud83d of it", "half \ufffd of it"],
  ["\udc4d", "\ufffd"],
  ["whole \ud83d\udc4d", "whole \ud83d\udc4d"],
])("%j is sent as %j", (text, sent) => {
  expect(carried(text)).toBe(sent);
});

test.each([
  ["Enter", {}, true],
  ["Enter that begins a line", { shiftKey: true }, false],
  ["Enter that confirms a word", { isComposing: true }, false],
  ["the same in Safari", { keyCode: 229 }, false],
  ["a letter", { key: "a", keyCode: 65 }, false],
])("%s sends: %j, %s", (_, event, expected) => {
  const enter = { key: "Enter", shiftKey: false, isComposing: false, keyCode: 13 };
  expect(sends({ ...enter, ...event } as KeyboardEvent)).toBe(expected);
});
