import { expect, test } from "vitest";
import type { Command } from "../src/protocol.js";
import { type Before, Sender, type Wire } from "../src/sending.js";
import { ScriptedWorld } from "./scripted.js";

/** Keeps what is sent. */
class ScriptedWire implements Wire {
  isOpen = true;
  waiting = 0;
  readonly sent: (Command | number)[] = [];
  readonly times: number[] = [];

  constructor(readonly world: ScriptedWorld) {}

  send(message: string | Int16Array): void {
    this.sent.push(typeof message === "string" ? JSON.parse(message) : message.length);
    if (typeof message === "string") this.times.push(this.world.nowMs);
  }
}

const NOTHING = { received_ms: 0, received_messages: 0, limits: {} };
const text = (text: string) => ({ type: "text", text }) as const;

function make(limits = {}) {
  const world = new ScriptedWorld();
  const sender = new Sender(world, 2000);
  const wire = new ScriptedWire(world);
  const add = (command: Command) => sender.add(command, sender.encoded(command));
  const up = (wire: Wire, before: Before = "none", first: Command[] = []) =>
    sender.connected(wire, { ...NOTHING, limits }, before, first);
  return { world, sender, wire, add, up };
}

test("what is given before there is a connection goes over the first, behind what comes first there", () => {
  const { sender, wire, add, up } = make();
  sender.hear(new Int16Array(320));
  add({ type: "finalize" });
  up(wire, "none", [{ type: "configure", id: "configure-1", language: "de" }]);
  expect(wire.sent).toEqual([{ type: "configure", id: "configure-1", language: "de" }, 320, { type: "finalize" }]);
});

test("what goes past what waits is sent, or forgotten", () => {
  const { sender, world, wire, add, up } = make();
  sender.sendPast({ type: "ping" });
  up(wire);
  expect(wire.sent).toEqual([]);
  for (let n = 0; n < 30; n++) add(text(String(n)));
  sender.sendPast({ type: "ping" });
  expect(wire.sent.at(-1)).toEqual({ type: "ping" });
  sender.down();
  world.pass(10_000);
  expect(wire.sent).toHaveLength(16);
});

test("another conversation in the place of a lost one gets what means something there", () => {
  const { world, wire, add, up, sender } = make();
  up(wire);
  sender.down();
  add({ type: "cancel" });
  add(text("Hello"));
  const other = new ScriptedWire(world);
  up(other, "lost");
  expect(other.sent).toEqual([text("Hello")]);
});

test("what neither side has any more is counted", () => {
  const { world, sender, wire, up } = make();
  up(wire);
  sender.down();
  sender.hear(new Int16Array(3 * 16_000));
  expect(up(new ScriptedWire(world), "same")).toBe(1000);
});

test("a full wire holds 2 s of audio at most; a command that ends a turn does not overtake it", () => {
  const { world, sender, wire, add, up } = make();
  up(wire);
  wire.waiting = 64_000;
  sender.hear(new Int16Array(320));
  expect(wire.sent).toEqual([]);
  add({ type: "finalize" });
  expect(wire.sent).toEqual([320, { type: "finalize" }]);
  sender.hear(new Int16Array(640));
  world.pass(1000);
  expect(wire.sent).toHaveLength(2);
  wire.waiting = 0;
  world.pass(1000);
  expect(wire.sent.slice(2)).toEqual([640]);
});

test("a full wire holds 2 s of audio at most also where text waits to be said", () => {
  const { world, sender, wire, add, up } = make();
  up(wire);
  for (let n = 0; n < 100; n++) add({ type: "speak", text: "x".repeat(600), flush: false });
  wire.sent.length = 0;
  wire.waiting = 64_000;
  sender.hear(new Int16Array(320));
  world.pass(1000);
  expect(wire.sent).toEqual([]);
});

test("a wire that is closing is given nothing, and nothing is taken for sent", () => {
  const { world, sender, wire, add, up } = make();
  up(wire);
  wire.isOpen = false;
  add(text("Hello"));
  sender.hear(new Int16Array(320));
  sender.sendPast({ type: "ping" });
  world.pass(1000);
  expect(wire.sent).toEqual([]);
  sender.down();
  const other = new ScriptedWire(world);
  up(other, "lost");
  expect(other.sent).toEqual([text("Hello")]);
});

test("a connection that is gone leaves no timer behind", () => {
  const { world, sender, wire, add, up } = make();
  up(wire);
  for (let n = 0; n < 20; n++) add(text(String(n)));
  expect(world.timers).toBe(1);
  sender.down();
  expect(world.timers).toBe(0);
});

test("commands come at the server's rate, and none is lost; what is gathered goes together", () => {
  const { world, sender, wire, add, up } = make();
  up(wire);
  let said = "";
  for (let n = 0; n < 300; n++) {
    const text = `token ${n} `;
    add({ type: "speak", text, flush: false });
    sender.hear(new Int16Array(240));
    said += text;
    world.pass(15);
  }
  add({ type: "flush" });
  world.pass(5000);
  const spoken = wire.sent.flatMap((each) => (typeof each === "object" && each.type === "speak" ? [each.text] : []));
  expect(spoken.join("")).toBe(said);
  expect(spoken.length).toBeLessThan(120);
  expect(wire.sent.at(-1)).toEqual({ type: "flush" });
  // A bucket as the server's, 40 filled at 20 a second.
  let [left, at] = [40, 0];
  for (const time of wire.times) {
    left = Math.min(40, left + (time - at) / 50) - 1;
    at = time;
    expect(left).toBeGreaterThan(15);
  }
});

test("commands leave room for pings and reports", () => {
  const { sender, wire, add, up } = make();
  up(wire);
  for (let n = 0; n < 60; n++) add(text(String(n)));
  expect(wire.sent).toHaveLength(15);
  for (let played_ms = 0; played_ms < 20; played_ms++) sender.sendPast({ type: "playback", reply: 1, played_ms });
  sender.sendPast({ type: "ping" });
  const types = wire.sent.slice(15).map((each) => typeof each === "object" && each.type);
  expect(types).toEqual([...Array(5).fill("playback"), "ping"]);
});

test.each([
  [{}, 65_536],
  [{ text_bytes: 1000 }, 1000],
])("a command that is no JSON, or larger than %j allows, is refused", (limits, most) => {
  const { wire, add, up } = make(limits);
  up(wire);
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  expect(() => add({ type: "tool_result", id: "t", output: 10n })).toThrow(TypeError);
  expect(() => add({ type: "tool_result", id: "t", output: cyclic })).toThrow(TypeError);
  const largest = "x".repeat(most - JSON.stringify(text("")).length);
  expect(() => add(text(`${largest.slice(1)}ä`))).toThrow(expect.objectContaining({ code: "too_large" })); // UTF-8
  expect(wire.sent).toEqual([]);
  expect(add(text(largest))).toBe(true);
});

test("no more than a hundred commands wait, but those that keep a count of their own", () => {
  const { add } = make();
  for (let n = 0; n < 100; n++) expect(add(text(String(n)))).toBe(true);
  expect(add(text("one more"))).toBe(false);
  expect(add({ type: "close" })).toBe(true);
});
