import { describe, expect, test } from "vitest";
import { Captions } from "../src/captions.js";

type Applied = Parameters<Captions["apply"]>[0];
const said = (text: string, stable: number): Applied => ({
  type: "transcript",
  seq: 1,
  turn: 1,
  text,
  stable,
  words: [],
});
const ended = (text: string): Applied => ({
  ...{ type: "turn.end", seq: 1, turn: 1, text, start_ms: 0, end_ms: 900, confidence: 1, language: "en" },
  ...{ cause: "silence", words: [] },
});
const start = (reply: number, turn: number | null = 1): Applied => ({ type: "reply.start", seq: 1, reply, turn });
const delta = (text: string, reply = 1): Applied => ({ type: "reply.text", seq: 1, reply, delta: text });
const words = (...items: [text: string, start_ms: number][]): Applied => ({
  type: "words",
  seq: 1,
  reply: 1,
  items: items.map(([text, start_ms]) => ({ text, start_ms, end_ms: start_ms + 100 })),
});
const over = (text: string, heard: string, cause: string): Applied => ({
  type: "reply.end",
  seq: 1,
  reply: 1,
  text,
  heard,
  cause,
});

function after(...events: Applied[]): Captions {
  const captions = new Captions();
  for (const event of events) captions.apply(event);
  return captions;
}

describe("the user's turn", () => {
  test("settles from stable to final", () => {
    expect(after(said("hello wor", 6)).user).toEqual({ stable: "hello ", tentative: "wor" });
    expect(after(said("hello wor", 6), ended("Hello world.")).user).toEqual({ stable: "Hello world.", tentative: "" });
  });

  test("in which nothing was understood changes nothing", () => {
    const captions = after(ended("Hello."));
    expect(captions.apply(said("", 0))).toBe(false);
    expect(captions.apply(ended(""))).toBe(false);
    expect(captions.user.stable).toBe("Hello.");
  });

  test("that was only a noise takes its words back", () => {
    expect(after(said("uh", 0), ended("")).user).toEqual({ stable: "", tentative: "" });
  });

  test("is not shown with speech that nobody asked for", () => {
    expect(after(ended("Hello."), start(1, null)).user.stable).toBe("");
  });
});

describe("the reply", () => {
  const spoken = after(
    start(1),
    delta("Well, "),
    words(["Well", 0]),
    delta("hello there! Bye."),
    words(["hello", 300], ["there", 600]),
  );

  test("is read along as it sounds, signs with their words", () => {
    expect(spoken.agent(0)).toEqual({ heard: "Well,", ahead: " hello there! Bye.", cutOff: "" });
    expect(spoken.agent(310)).toEqual({ heard: "Well, hello", ahead: " there! Bye.", cutOff: "" });
    expect(spoken.agent(5000)).toEqual({ heard: "Well, hello there!", ahead: " Bye.", cutOff: "" });
    expect(spoken.agent(null)).toEqual({ heard: "Well, hello there! Bye.", ahead: "", cutOff: "" });
  });

  test("without times is shown whole", () => {
    expect(after(start(1), delta("Hi.")).agent(0)).toEqual({ heard: "Hi.", ahead: "", cutOff: "" });
  });

  test("finds words whose text comes after their times, and passes over those it does not have", () => {
    const late = after(
      start(1),
      words(["Hello", 0], ["twenty", 200], ["friends", 400]),
      delta("Hello 20 friends, all."),
    );
    expect(late.agent(450).heard).toBe("Hello 20 friends,");
  });

  test("that was cut off shows what was not heard", () => {
    const cut = after(start(1), delta("One two three."), over("One two three.", "One two", "interrupted"));
    expect(cut.agent(0)).toEqual({ heard: "One two", ahead: "", cutOff: " three." });
  });

  test("that ended well is still read along, as its sound goes on", () => {
    const whole = after(
      start(1),
      delta("One two."),
      words(["One", 0], ["two", 500]),
      over("One two.", "One two.", "complete"),
    );
    expect(whole.agent(100).ahead).toBe(" two.");
  });

  test("of before is not mixed with what is said now", () => {
    const captions = after(start(1), delta("Old."), start(2), delta("late", 1), delta("New.", 2));
    expect(captions.agent(null).heard).toBe("New.");
    expect(captions.apply(over("Old.", "Old.", "complete"))).toBe(false);
    expect(captions.reply).toBe(2);
  });

  test("is gone when all is cleared", () => {
    const captions = after(ended("Hi."), start(1), delta("Hello."));
    captions.clear();
    expect([captions.user.stable, captions.agent(null).heard, captions.reply]).toEqual(["", "", 0]);
  });
});
