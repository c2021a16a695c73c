import { expect, test } from "vitest";
import type { Reply } from "../../src/talk/conversation.js";
import { endingText } from "../../src/talk/log-view.js";

const reply = (ending: string, heardLength: number | null): Reply => ({
  kind: "reply",
  number: 1,
  turn: 1,
  text: "One two.",
  heardLength,
  ending,
  words: [],
  stages: [],
});

test.each([
  ["", null, ""],
  ["complete", 8, ""],
  ["spoken_over", 4, "Talked over."],
  ["typed_over", 4, "Cut off by the next message."],
  ["cancelled", 0, "Stopped."],
  ["spoken_over", 8, ""], // its last word had been heard: nothing was cut off
  ["failed", 8, "It could not be finished."],
  ["brand_new", 3, ""],
])("a reply that ended with %j, of which %j was heard: %j", (ending, heardLength, text) => {
  expect(endingText(reply(ending, heardLength))).toBe(text);
});
