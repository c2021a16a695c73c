import { expect, test } from "vitest";
import { parseEvent } from "../src/events.js";
import { type LocalEvent, type Phase, PhaseTracker } from "../src/phase.js";

const event = (type: string, fields: object) => parseEvent(JSON.stringify({ type, ...fields }));
const turn = (text: string) => event("turn.end", { turn: 1, text });
const start = event("reply.start", { reply: 1, turn: 1 });
const end = event("reply.end", { reply: 1, cause: "complete" });
const user = event("turn.start", { turn: 1 });

function phases(...events: (ReturnType<typeof event> | LocalEvent["type"])[]): Phase[] {
  const tracker = new PhaseTracker();
  const seen: Phase[] = [];
  for (const each of ["connected" as const, ...events]) {
    if (tracker.apply(typeof each === "string" ? { type: each } : each)) seen.push(tracker.phase);
  }
  return seen;
}

test("a spoken turn and its reply, which sounds on after all of it was sent", () => {
  expect(phases(user, turn("hello"), start, "sounding", end, "silent", "disconnected")).toEqual([
    "listening",
    "hearing",
    "thinking",
    "speaking",
    "listening",
    "off",
  ]);
});

test("a barge-in: the user is heard while the reply fades", () => {
  expect(phases(user, turn("hello"), start, "sounding", user, end, "silent", turn("stop"), start)).toEqual([
    "listening",
    "hearing",
    "thinking",
    "speaking",
    "hearing",
    "thinking",
  ]);
});

test("a cough is no turn, and the reply goes on", () => {
  expect(phases(user, turn(""))).toEqual(["listening", "hearing", "listening"]);
  expect(phases(start, "sounding", user, turn(""))).toEqual([
    "listening",
    "thinking",
    "speaking",
    "hearing",
    "speaking",
  ]);
});

test("the silence between a reply's last sound and its end is nobody's thinking", () => {
  const sent = event("audio.end", { reply: 1, duration_ms: 900 });
  expect(phases(turn("hello"), start, "sounding", sent, "silent", end)).toEqual([
    "listening",
    "thinking",
    "speaking",
    "listening",
  ]);
  expect(phases(turn("hello"), start, sent, "sounding", end, "silent").slice(1)).toEqual([
    "thinking",
    "speaking",
    "listening",
  ]);
  expect(phases(start, "sounding", "silent", "sounding", sent, "silent").slice(1)).toEqual([
    "thinking", // it ran dry in its midst
    "speaking",
    "thinking",
    "speaking",
    "listening",
  ]);
});

test("a reply without sound ends too", () => {
  expect(phases(turn("hello"), start, end)).toEqual(["listening", "thinking", "listening"]);
});

test("the end of an earlier reply does not end the one under way", () => {
  const second = event("reply.start", { reply: 2, turn: 2 });
  expect(phases(start, second, end)).toEqual(["listening", "thinking"]);
});

test("the user went on", () => {
  expect(phases(user, turn("well"), event("turn.resume", { turn: 1 }))).toEqual([
    "listening",
    "hearing",
    "thinking",
    "hearing",
  ]);
});

test("an end of a turn in which nothing was said does not stop the thinking about the one before", () => {
  expect(phases(user, turn("hello"), turn(""), start)).toEqual(["listening", "hearing", "thinking"]);
});

test("where nobody answers, nobody thinks", () => {
  const tracker = new PhaseTracker();
  tracker.isAnswered = false;
  const seen = [{ type: "connected" } as const, user, turn("hello")].map((each) => {
    tracker.apply(each);
    return tracker.phase;
  });
  expect(seen).toEqual(["listening", "hearing", "listening"]);
});
