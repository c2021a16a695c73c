import { expect, test } from "vitest";
import { clientOptions, settingsOf, type Wishes } from "../src/options.js";

const NOTHING: Wishes = {
  ...{ src: null, token: undefined, agent: null, voice: null, language: null },
  ...{ volume: 1, pushToTalk: false, settings: {}, session: null, workletUrl: undefined },
};

test("nothing is asked for but what a face needs", () => {
  expect(clientOptions(NOTHING)).toEqual({
    settings: { words: true, visemes: true },
    pushToTalk: false,
    volume: 1,
    session: null,
  });
});

test("attributes go before the settings, and settings before what is usual", () => {
  const wishes = { ...NOTHING, agent: "guide", voice: "", settings: { agent: "other", llm: "echo", visemes: false } };
  expect(settingsOf(wishes)).toEqual({ agent: "guide", llm: "echo", words: true, visemes: false });
});

test("a setting that is undefined is none", () => {
  const settings = { llm: undefined, words: undefined } as unknown as Wishes["settings"];
  expect(settingsOf({ ...NOTHING, settings })).toEqual({ visemes: true });
});

test("the address, the token and the rest are passed on", () => {
  const token = () => "t";
  const workletUrl = () => "/w.js";
  const options = clientOptions({
    ...NOTHING,
    src: "https://v.example",
    token,
    workletUrl,
    pushToTalk: true,
    volume: 0.5,
  });
  expect(options).toMatchObject({ url: "https://v.example", token, workletUrl, pushToTalk: true, volume: 0.5 });
});
