import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VoiceError } from "../src/errors.js";

/** The server's codes, as its own source lists them. */
const codes = [
  ...readFileSync(new URL("../../../voicesrv/errors.py", import.meta.url), "utf8").matchAll(/^ {4}[A-Z_]+ = "(\w+)"/gm),
].map(([, code]) => code as string);

/** Codes that a page causes, not a person: what the server says of them is for whoever writes the page. */
const FOR_DEVELOPERS = [
  "bad_parameter",
  "bad_message",
  "unknown_message",
  "container_in_pcm",
  "not_found",
  "too_large",
  "text_too_long",
  "nothing_to_speak",
];

test("the list is found", () => {
  expect(codes).toContain("unauthorized");
});

test.each(codes.filter((code) => !FOR_DEVELOPERS.includes(code)))("%s is put into a sentence", (code) => {
  const { message } = new VoiceError(code, "what the server said");
  expect(message).toMatch(/^[A-Z].* .*\.$/);
  expect(message).not.toContain("what the server said");
});

test.each(FOR_DEVELOPERS)("%s is told in the server's words", (code) => {
  expect(new VoiceError(code, "language: 'x' is none").message).toBe("language: 'x' is none");
});

test("a code that nobody knows is better than nothing", () => {
  expect(new VoiceError("new_code").message).toBe("new_code");
  expect(new VoiceError("constructor", "boo").message).toBe("boo");
  expect(new VoiceError("__proto__").message).toBe("__proto__");
});

test("carries what a program needs", () => {
  const cause = new Error("why");
  const error = new VoiceError("overloaded", "full", { cause, retryAfterMs: 5000 });
  expect(error).toMatchObject({ code: "overloaded", detail: "full", retryAfterMs: 5000, fatal: false, cause });
  expect(error).toBeInstanceOf(Error);
  expect(new VoiceError("closed")).toMatchObject({ retryAfterMs: null, cause: undefined });
});
