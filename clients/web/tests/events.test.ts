import { describe, expect, test } from "vitest";
import { VoiceError } from "../src/errors.js";
import { parseEvent, stableParts, type Transcript } from "../src/events.js";
import { vectors } from "./wire.js";

const written = vectors<{ seq: number; message?: { type: string } }>("events").filter(({ message }) => message);

test.each(written)("reads $message.type as the server writes it", ({ seq, message }) => {
  const event = parseEvent(JSON.stringify(message));
  expect(event).toMatchObject(message as object);
  expect(event.seq).toBe(seq);
});

describe("what is missing", () => {
  test("has its default where there is one", () => {
    expect(parseEvent('{"type": "turn.end", "turn": 1, "text": ""}')).toEqual({
      type: "turn.end",
      seq: 0,
      turn: 1,
      text: "",
      start_ms: 0,
      end_ms: 0,
      confidence: 1,
      language: "",
      cause: "",
      words: [],
    });
  });

  test("is null where an older server does not say whose tool call it is", () => {
    expect(parseEvent('{"type": "tool_call", "id": "c", "name": "weather"}')).toMatchObject({ connection: null });
  });

  test.each([
    ["not JSON", "{"],
    ["no object", "[1]"],
    ["no type", '{"turn": 1}'],
    ["a field is missing", '{"type": "clear"}'],
    ["a field is text", '{"type": "clear", "reply": "1"}'],
    ["a field is null", '{"type": "clear", "reply": null}'],
    ["a number is no whole one", '{"type": "clear", "reply": 1.5}'],
    ["the number is text", '{"type": "pong", "seq": "1"}'],
    ["a word has no time", '{"type": "words", "reply": 1, "items": [{"text": "a", "start_ms": 1}]}'],
    ["a viseme is none", '{"type": "visemes", "reply": 1, "items": [null]}'],
  ])("is refused: %s", (_, message) => {
    expect(() => parseEvent(message)).toThrow(VoiceError);
    expect(() => parseEvent(message)).toThrow(/another version/);
  });
});

test.each(["aside", "toString", "__proto__"])("an event of a newer server, %s, is kept as it came", (type) => {
  const raw = { type, seq: 4, more: { a: 1 } };
  expect(parseEvent(JSON.stringify(raw))).toEqual({ type: "unknown", seq: 4, raw });
});

test("keys of a newer server stay", () => {
  expect(parseEvent('{"type": "clear", "reply": 1, "why": "noise"}')).toMatchObject({ why: "noise" });
});

test("a transcript is cut between whole characters", () => {
  const transcript = { text: "😀é wor", stable: 3 } as Transcript;
  expect(stableParts(transcript)).toEqual(["😀é ", "wor"]);
});
