import { expect, test } from "vitest";
import { Outgoing } from "../src/outgoing.js";
import type { Command } from "../src/protocol.js";

const FINALIZE: Command = { type: "finalize" };
const TEXT: Command = { type: "text", text: "Hello" };
const received = (ms: number, messages: number | null = 0) => ({ received_ms: ms, received_messages: messages });
const samples = (length: number) => new Int16Array(length);

/** All that is to be sent: numbers of samples, and commands. */
function drain(outgoing: Outgoing): (number | Command)[] {
  const all: (number | Command)[] = [];
  for (let next = outgoing.next(); next !== null; next = outgoing.next()) {
    all.push(next instanceof Int16Array ? next.length : JSON.parse(next));
  }
  return all;
}

test("commands keep their places in the audio", () => {
  const outgoing = new Outgoing(1000);
  outgoing.add(TEXT);
  outgoing.hear(samples(320));
  outgoing.add(FINALIZE);
  outgoing.add(TEXT);
  outgoing.hear(samples(160));
  expect(outgoing.hasCommands).toBe(true);
  expect(drain(outgoing)).toEqual([TEXT, 320, FINALIZE, TEXT, 160]);
  expect(outgoing.hasCommands).toBe(false);
});

test("audio is given again from where the server lost it; a command whose audio is dropped is still given", () => {
  const outgoing = new Outgoing(100); // 1600 samples
  outgoing.hear(samples(1600));
  drain(outgoing);
  outgoing.hear(samples(160));
  outgoing.add(FINALIZE);
  outgoing.hear(samples(160));
  expect(outgoing.rewind(received(90))).toBe(0);
  expect(drain(outgoing)).toEqual([320, FINALIZE, 160]);
  outgoing.add(FINALIZE);
  outgoing.hear(samples(4000));
  expect(drain(outgoing)).toEqual([FINALIZE, 1600]);
});

test("commands that the server did not get are given again, in their places", () => {
  const outgoing = new Outgoing(1000);
  const cancel: Command = { type: "cancel" };
  outgoing.begin(received(0, 5)); // as another page left it
  outgoing.add(TEXT);
  outgoing.hear(samples(320));
  outgoing.count(); // a ping, say
  outgoing.add(FINALIZE);
  outgoing.hear(samples(320));
  outgoing.add(cancel);
  drain(outgoing);
  outgoing.add(TEXT);
  outgoing.rewind(received(30, 8));
  expect(drain(outgoing)).toEqual([160, cancel, TEXT]);
  outgoing.rewind(received(40, 9));
  expect(drain(outgoing)).toEqual([TEXT]);
  outgoing.rewind(received(40, 10));
  expect(drain(outgoing)).toEqual([]);
});

test("the end of a turn is given again before the audio behind it", () => {
  const outgoing = new Outgoing(1000);
  outgoing.hear(samples(320));
  outgoing.add(FINALIZE);
  outgoing.hear(samples(320));
  drain(outgoing);
  outgoing.rewind(received(10, 0));
  expect(drain(outgoing)).toEqual([160, FINALIZE, 320]);
});

test("what others say again is not, nor anything where the server does not count", () => {
  const outgoing = new Outgoing(1000);
  outgoing.add({ type: "configure", words: true });
  outgoing.add({ type: "close" });
  outgoing.add(TEXT);
  drain(outgoing);
  outgoing.rewind(received(0, 0));
  expect(drain(outgoing)).toEqual([TEXT]);
  outgoing.rewind(received(0, null));
  expect(drain(outgoing)).toEqual([]);
});

test("of commands that were sent the last hundred are kept", () => {
  const outgoing = new Outgoing(1000);
  for (let n = 0; n < 150; n++) {
    outgoing.add({ type: "speak", text: String(n) });
    drain(outgoing);
  }
  outgoing.rewind(received(0, 20));
  expect(drain(outgoing)).toHaveLength(100);
});

test("another conversation is told what means something there", () => {
  const outgoing = new Outgoing(100);
  outgoing.hear(samples(160));
  const lost: Command[] = [FINALIZE, { type: "cancel" }, { type: "tool_result", id: "t", output: 1 }];
  for (const command of [...lost, TEXT]) outgoing.add(command);
  outgoing.restart(received(0));
  outgoing.hear(samples(80));
  expect(drain(outgoing)).toEqual([TEXT, 80]);
});

test("takes a bounded number of commands", () => {
  const outgoing = new Outgoing(100);
  for (let n = 0; n < 100; n++) expect(outgoing.add(TEXT)).toBe(true);
  expect(outgoing.add(TEXT)).toBe(false);
});

test("text that is gathered joins what waits of it, in its place", () => {
  const outgoing = new Outgoing(1000);
  const speak = (text: string, flush: boolean): Command => ({ type: "speak", text, flush });
  outgoing.add(speak("One ", false));
  outgoing.add(speak("two ", false));
  outgoing.add(speak("three.", true));
  outgoing.add(speak("Four ", false));
  outgoing.hear(samples(160));
  outgoing.add(speak("five ", false));
  outgoing.add(speak("x".repeat(1000), false));
  outgoing.add(FINALIZE);
  outgoing.add(speak("six", true));
  expect(drain(outgoing)).toEqual([
    speak("One two three.", true),
    speak("Four five ", false),
    160,
    speak("x".repeat(1000), false),
    FINALIZE,
    speak("six", true),
  ]);
});

test("settings that are asked for anew come first, and once", () => {
  const outgoing = new Outgoing(1000);
  const configure: Command = { type: "configure", id: "configure-1", words: true };
  outgoing.hear(samples(160));
  outgoing.add(configure);
  outgoing.add(TEXT);
  outgoing.rewind(received(0));
  outgoing.addFirst([configure]);
  expect(drain(outgoing)).toEqual([configure, 160, TEXT]);
});

test("a command that may not be sent yet keeps back what is behind it", () => {
  const outgoing = new Outgoing(1000);
  outgoing.hear(samples(160));
  outgoing.add(TEXT);
  outgoing.hear(samples(160));
  expect(outgoing.next(false)).toHaveLength(160);
  expect(outgoing.next(false)).toBeNull();
  expect(drain(outgoing)).toEqual([TEXT, 160]);
});
