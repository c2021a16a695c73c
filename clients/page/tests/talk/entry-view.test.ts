import { expect, test } from "vitest";
import { messageBytes } from "../../src/talk/entry-view.js";

test.each([
  ["", 25],
  ["hello", 30],
  ["grün", 30], // UTF-8
  ['say "no"\n', 37], // as JSON escapes it
])("%j as a message: %i bytes", (text, bytes) => {
  expect(messageBytes(text)).toBe(bytes);
});
