import { describe, expect, test } from "vitest";
import type { Engines, Info } from "../../src/shared/server.js";
import {
  choiceOf,
  choicesAsBefore,
  languageName,
  NO_PREFERENCES,
  possible,
  readPreferences,
  serverChoices,
  settingsFor,
  settingsOf,
} from "../../src/talk/choices.js";

const INFO: Info = {
  version: "1",
  protocol: "voicesrv.v1",
  features: {},
  certificate: null,
  agents: [
    { name: "default", language: "" },
    { name: "guide", language: "de" },
  ],
  defaults: { agent: "default", language: "en", voice: "", stt: "whisper", llm: "echo", tts: "espeak" },
  engines: { stt: "whisper", llm: "echo", tts: "espeak" },
  languages: ["en", "de", "x-none"],
  detects_language: true,
  voices: [
    { name: "en-gb", language: "en-gb" },
    { name: "amy", language: "en" },
    { name: "de", language: "de" },
    { name: "any", language: null },
  ],
};
const engine = (name: string) => ({ name, chosen: false, why: "", is_open: false, room: null });
const ENGINES: Engines = { stt: [engine("null"), engine("whisper")], llm: [engine("echo")], tts: [engine("espeak")] };
const of = (preferences = {}, info = INFO, own: string[] = []) =>
  serverChoices({ ...NO_PREFERENCES, ...preferences }, info, ENGINES, own);

test("the server's own choice is the empty one, and first", () => {
  const groups = of();
  expect(groups.agent[0]?.choices).toEqual([
    { value: "", label: "default" },
    { value: "guide", label: "guide" },
  ]);
  expect(groups.stt[0]?.choices).toEqual([
    { value: "", label: "whisper" },
    { value: "null", label: "null" },
  ]);
  expect(groups.llm[0]?.choices).toEqual([{ value: "", label: "echo" }]);
  expect(groups.language[0]?.choices.map(({ value }) => value)).toEqual(["", "auto", "de", "x-none"]);
});

describe("voices", () => {
  const labels = (preferences = {}) =>
    of(preferences).voice.map(({ label, choices }) => [label, choices.map(({ value }) => value)]);
  test("those of the language come first", () => {
    expect(labels()).toEqual([
      ["", [""]],
      ["English", ["amy", "any", "en-gb"]],
      ["Other languages", ["de"]],
    ]);
    expect(labels({ language: "de" })[1]).toEqual(["German", ["any", "de"]]);
  });
  test("of another synthesiser none are known", () => {
    expect(labels({ tts: "piper" })).toEqual([["", [""]]]);
  });
});

test("a recogniser of any language offers those of whoever looks", () => {
  const choices = of({}, { ...INFO, languages: ["*"] }, ["fr-FR", "en", "en-US@posix", "C"]).language[0]?.choices;
  expect(choices?.map(({ value }) => value)).toEqual(["", "auto", "fr-FR"]);
});

test("what the server does not have is let go, and the rest kept", () => {
  const kept = { ...NO_PREFERENCES, agent: "gone", voice: "amy", llm: "gone", stt: "null", pushToTalk: true };
  expect(possible(kept, INFO, ENGINES, [])).toEqual({ ...kept, agent: "", llm: "" });
});

test("choices that were refused are as before", () => {
  const inForce = { llm: "echo", voice: "amy", tts: null };
  expect(choicesAsBefore({ llm: "gone", words: true }, inForce, { llm: "echo" })).toEqual({ llm: "" });
  expect(choicesAsBefore({ voice: "no", tts: "no" }, inForce, { voice: "en", tts: "espeak" })).toEqual({
    voice: "amy",
    tts: "",
  });
});

test("mouth shapes are asked for where there is a mouth", () => {
  expect(settingsOf({ ...NO_PREFERENCES, face: true })).toEqual({ words: true, visemes: true });
});

test("a conversation begins with what was chosen alone", () => {
  expect(settingsOf({ ...NO_PREFERENCES, voice: "amy", microphone: "m1" })).toEqual({
    words: true,
    visemes: false,
    voice: "amy",
  });
});

test("a choice that is taken back is the server's again", () => {
  expect(settingsFor({ llm: "" })).toEqual({ llm: null });
  expect(settingsFor({ llm: "openai" })).toEqual({ llm: "openai" });
});

test("another synthesiser has its own voice", () => {
  expect(settingsFor(choiceOf("tts", "piper"))).toEqual({ tts: "piper", voice: null });
  expect(choiceOf("voice", "amy")).toEqual({ voice: "amy" });
});

test.each([[null], [7], ["text"], [[]], [{ agent: 7, pushToTalk: "yes", other: 1 }]])(
  "kept rubbish is nothing: %j",
  (kept) => {
    expect(readPreferences(kept)).toEqual(NO_PREFERENCES);
  },
);

test("what was kept is read again", () => {
  expect(readPreferences({ voice: "amy", pushToTalk: true })).toEqual({
    ...NO_PREFERENCES,
    voice: "amy",
    pushToTalk: true,
  });
});

test.each([
  ["de", "German"],
  ["auto", "Any language"],
  ["chr-US-Qaaa-x-west", "chr-US-Qaaa-x-west"],
  ["no tag", "no tag"],
])("%s is called %s", (tag, name) => {
  expect(languageName(tag)).toBe(name);
});
