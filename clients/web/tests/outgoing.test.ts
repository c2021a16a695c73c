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

test("nothing is said again where the server does not count, nor a close, which is asked for anew", () => {
  const outgoing = new Outgoing(1000);
  outgoing.add({ type: "close" });
  outgoing.add(TEXT);
  drain(outgoing);
  outgoing.rewind(received(0, 0));
  expect(drain(outgoing)).toEqual([TEXT]);
  outgoing.rewind(received(0, null));
  expect(drain(outgoing)).toEqual([]);
});

test("an end of a turn is said again where the server dropped the audio before it, though it counted the end", () => {
  const outgoing = new Outgoing(1000);
  outgoing.hear(samples(320));
  outgoing.add(FINALIZE);
  outgoing.hear(samples(320));
  outgoing.add(FINALIZE);
  drain(outgoing);
  outgoing.rewind(received(20, 2));
  expect(drain(outgoing)).toEqual([320, FINALIZE]);
  outgoing.rewind(received(39, 3)); // what is missing was rounded off
  expect(drain(outgoing)).toEqual([16]);
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
    160,
    speak("One two three.", true),
    speak("Four five ", false),
    speak("x".repeat(1000), false),
    FINALIZE,
    speak("six", true),
  ]);
});

test("settings keep their places; those that the server has and may not have answered come first", () => {
  const outgoing = new Outgoing(1000);
  const configure = (id: string): Command => ({ type: "configure", id, words: true });
  outgoing.add(configure("configure-1"));
  outgoing.hear(samples(160));
  outgoing.add(TEXT);
  outgoing.add(configure("configure-2"));
  drain(outgoing);
  outgoing.add(TEXT);
  outgoing.rewind(received(10, 1));
  outgoing.addFirst([configure("configure-1"), configure("configure-2")]);
  expect(drain(outgoing)).toEqual([configure("configure-1"), TEXT, configure("configure-2"), TEXT]);
});

test("text that waits is dropped where all is cancelled", () => {
  const outgoing = new Outgoing(1000);
  const flush: Command = { type: "flush", id: 1 };
  outgoing.add({ type: "speak", text: "One." });
  outgoing.add(flush);
  outgoing.add(TEXT);
  outgoing.add({ type: "cancel" });
  outgoing.add({ type: "speak", text: "Two." });
  expect(drain(outgoing)).toEqual([flush, TEXT, { type: "cancel" }, { type: "speak", text: "Two." }]);
});

test("what the agent is to say keeps back nothing that the user says", () => {
  const outgoing = new Outgoing(1000);
  outgoing.add({ type: "speak", text: "One." });
  outgoing.add({ type: "flush", id: 1 });
  outgoing.hear(samples(160));
  expect(outgoing.hasPlaced).toBe(false);
  expect(outgoing.next(false)).toHaveLength(160);
  expect(outgoing.next(false)).toBeNull();
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

test("nothing is gathered into more bytes than the server takes", () => {
  const outgoing = new Outgoing(1000);
  outgoing.maxBytes = 100;
  const piece = "ä".repeat(10); // 20 bytes
  for (let n = 0; n < 9; n++) outgoing.add({ type: "speak", text: piece, flush: false });
  const said = drain(outgoing) as { text: string }[];
  expect(said.map((each) => each.text.length)).toEqual([30, 30, 30]); // the fourth would make 122 bytes
});

test("what another page said, and the server did not get, is said again, once, before what this one says", () => {
  const other = new Outgoing(1000);
  const said = (text: string): Command => ({ type: "text", text });
  other.begin(received(0, 3));
  other.add(said("four"));
  other.add(FINALIZE);
  other.add(said("six"));
  other.hear(samples(320));
  drain(other);
  other.add(said("seven"));
  other.add({ type: "configure", id: "configure-1" });
  const kept = JSON.parse(JSON.stringify(other.unconfirmed));
  for (const [n, missing] of [
    [3, [said("four"), said("six"), said("seven")]],
    [5, [said("six"), said("seven")]],
    [6, [said("seven")]],
    [null, []],
  ] as const) {
    const outgoing = new Outgoing(1000, kept);
    expect(outgoing.unconfirmed).toEqual(kept); // a page that is loaded twice
    outgoing.hear(samples(160));
    outgoing.add(TEXT);
    outgoing.begin(received(20, n));
    expect(drain(outgoing)).toEqual([...missing, 160, TEXT]);
    outgoing.rewind(received(30, (n ?? 0) + missing.length + 1));
    expect(drain(outgoing)).toEqual([]);
  }
  const lost = new Outgoing(1000, kept);
  lost.add(TEXT);
  lost.forget();
  lost.begin(received(0, 0));
  expect(drain(lost)).toEqual([TEXT]);
});

test("what was sent in a conversation that is lost may have arrived, and is not said in the next", () => {
  const outgoing = new Outgoing(1000);
  outgoing.add(TEXT);
  outgoing.add({ type: "configure", id: "configure-1" });
  drain(outgoing);
  outgoing.add({ type: "configure", id: "configure-2" });
  outgoing.add({ type: "close" });
  outgoing.restart(received(0, 0));
  outgoing.add(FINALIZE);
  outgoing.rewind(received(0, 0));
  expect(drain(outgoing)).toEqual([FINALIZE]);
});
