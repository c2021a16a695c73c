import { describe, expect, test } from "vitest";
import { advise, type Circumstances, type Problem, sharingAdvice } from "../../src/talk/advice.js";

const PLAIN: Circumstances = { keyIsToken: null, hasChosen: false };
const of = (code: string, fields: Partial<Problem> = {}, circumstances: Partial<Circumstances> = {}) =>
  advise(
    { code, message: "A sentence.", detail: "the detail.", retryAfterMs: null, connection: "over", ...fields },
    { ...PLAIN, ...circumstances },
  );

test("a page over plain http is told how to get a microphone", () => {
  expect(of("insecure_context")).toMatchObject({ subject: "microphone", remedy: null });
  expect(of("insecure_context")?.text).toContain("voicesrv serve --tls self-signed");
});

test.each(["microphone_denied", "microphone_withheld", "microphone_missing", "microphone_busy", "microphone_lost"])(
  "%s can be tried again",
  (code) => {
    expect(of(code)).toMatchObject({ subject: "microphone", text: "A sentence.", remedy: "microphone" });
  },
);

test.each([
  [null, /asks for a key/],
  [false, /did not accept the key/],
  [true, /token has ended/],
])("a key is asked for by what was shown: %s", (keyIsToken, text) => {
  const advice = of("unauthorized", {}, { keyIsToken });
  expect(advice).toMatchObject({ remedy: "key", tone: "trouble" });
  expect(advice?.text).toMatch(text);
});

describe("a server that is away", () => {
  test("comes back by itself while the client tries", () => {
    expect(of("unreachable", { connection: "trying" })).toMatchObject({ tone: "wait", remedy: "now" });
  });
  test("is tried again by a button when it has given up", () => {
    expect(of("unreachable")).toMatchObject({ tone: "trouble", remedy: "connect" });
  });
});

test("a server that says that it stops is waited for, with one notice about it and its being away", () => {
  for (const connection of ["connected", "trying"] as const) {
    const advice = of("shutting_down", { connection, message: "the server stops within 9 s" });
    expect(advice).toMatchObject({ subject: "connection", tone: "wait", remedy: null });
    expect(advice?.text).toMatch(/^The server stops or starts anew\. .* goes on by itself/);
  }
  expect(of("shutting_down")).toMatchObject({ subject: "connection", tone: "trouble", remedy: "connect" });
});

describe("a server without room", () => {
  test("says why, and when it is tried again", () => {
    const advice = of("overloaded", { connection: "trying", retryAfterMs: 5000 });
    expect(advice).toMatchObject({ tone: "wait", retryAfterMs: 5000, remedy: null });
    expect(advice?.text).toContain("now: the detail.");
    expect(advice?.text).not.toContain("..");
  });
  test("is asked for its own choice where something was chosen", () => {
    expect(of("overloaded", { connection: "trying" }, { hasChosen: true })?.remedy).toBe("defaults");
  });
  test("is about the answer alone where the conversation goes on", () => {
    expect(of("overloaded", { connection: "connected" })).toMatchObject({ subject: "answer", tone: "trouble" });
  });
});

test.each([
  ["connected", false, "answer", null],
  ["over", false, "connection", "anew"],
  ["over", true, "connection", "defaults"],
] as const)("what the server does not have, %s, chosen %s: %s", (connection, hasChosen, subject, remedy) => {
  expect(of("not_found", { connection }, { hasChosen })).toMatchObject({ subject, remedy });
});

test("a conversation that broke off says so itself", () => {
  expect(of("state_lost", { connection: "trying" })).toBeNull();
});

test.each([
  ["connected", { subject: "answer", tone: "trouble", remedy: null }],
  ["trying", { subject: "connection", tone: "wait", remedy: null }],
  ["over", { subject: "connection", tone: "trouble", remedy: "connect" }],
] as const)("a code that is not known here, %s: its own sentence", (connection, expected) => {
  expect(of("brand_new", { connection })).toMatchObject({ ...expected, text: "A sentence." });
});

test.each([
  ["protocol", "reload"],
  ["superseded", "anew"],
  ["forbidden", "key"],
  ["audio", "sound"],
  ["blocked", "sound"],
  ["speaker_unavailable", null],
])("%s offers %s", (code, remedy) => {
  expect(of(code)?.remedy).toBe(remedy);
});

test("whoever comes by a link is told, before and after, that others listen", () => {
  expect(sharingAdvice(false)).toMatchObject({ subject: "sharing", remedy: "join" });
  expect(sharingAdvice(true)).toMatchObject({ subject: "sharing", remedy: "anew" });
  for (const hasJoined of [false, true]) expect(sharingAdvice(hasJoined).text).toMatch(/Others in it see and hear/);
});

test("a network that is too slow for sound is waited for", () => {
  expect(of("too_slow", { connection: "connected" })).toMatchObject({ subject: "sound", tone: "wait", remedy: null });
});
