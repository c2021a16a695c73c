import { describe, expect, test } from "vitest";
import { type Session, UPKEEP, type Upkeep } from "../src/client-options.js";
import { VoiceError } from "../src/errors.js";
import { Link } from "../src/link.js";
import type { Settings } from "../src/settings.js";
import { Wishes } from "../src/wishes.js";
import { CLOSING, ScriptedWorld, settled, Told } from "./scripted.js";

function make(
  options: { settings?: Settings; session?: Session; token?: () => Promise<string | undefined>; url?: string } = {},
  upkeep: Partial<Upkeep> = {},
) {
  const world = new ScriptedWorld();
  const told = new Told();
  const { settings, session = null, ...more } = options;
  const wishes = new Wishes(settings);
  const to = { url: "/", token: async () => undefined, wishes, ...more };
  const link = new Link(to, session, told, world, { ...UPKEEP, ...upkeep });
  return { link, world, told };
}

async function connected(...args: Parameters<typeof make>) {
  const made = make(...args);
  const opening = made.link.open();
  const socket = await made.world.socket(0);
  socket.ready();
  await opening;
  return { ...made, socket };
}

const samples = (from: number, to: number) => Int16Array.from({ length: to - from }, (_, n) => from + n);

describe("the first connection", () => {
  test("asks for what was set, and says what no address can hold", async () => {
    const { socket, told } = await connected({
      settings: { mode: "converse", interim: false, instructions: "Be brief.", tools: [{ name: "weather" }] },
    });
    expect(socket.url.split("?")[0]).toBe("wss://page.example/ws");
    expect(socket.query).toEqual({ mode: "converse", interim: "false", refuse: "socket" });
    expect(socket.protocols).toEqual(["voicesrv.v1"]);
    expect(socket.binaryType).toBe("arraybuffer");
    expect(socket.commands).toEqual([{ type: "configure", instructions: "Be brief.", tools: [{ name: "weather" }] }]);
    expect(told.types).toEqual(["ready"]);
  });

  test("shows a token where no log sees it, if it can be written there", async () => {
    const first = await connected({ token: async () => "vt_a.b-c" });
    expect(first.socket.protocols).toEqual(["voicesrv.v1", "token.vt_a.b-c"]);
    const second = await connected({ token: async () => "a/b=" });
    expect(second.socket.protocols).toEqual(["voicesrv.v1"]);
    expect(second.socket.query.token).toBe("a/b=");
  });

  test("that nobody answers is unreachable, at once", async () => {
    const { link, world } = make();
    const opening = link.open();
    (await world.socket(0)).drop();
    await expect(opening).rejects.toMatchObject({ code: "unreachable" });
    expect(world.waits).toEqual([]);
  });

  test("that is refused says why", async () => {
    const { link, world } = make();
    const opening = link.open();
    const socket = await world.socket(0);
    socket.say("error", { code: "unauthorized", message: "no such key", fatal: true });
    socket.drop(4501, "unauthorized");
    await expect(opening).rejects.toMatchObject({ code: "unauthorized", detail: "no such key" });
  });

  test("to a full server is tried again when the server says", async () => {
    const { link, world, told } = make();
    const opening = link.open();
    const socket = await world.socket(0);
    socket.say("error", { code: "overloaded", message: "full", fatal: true, retry_after_ms: 3000 });
    socket.drop(1013, "overloaded");
    (await world.socket(1)).ready();
    await opening;
    expect(world.waits).toEqual([3000]);
    expect(told.troubles).toEqual(["overloaded"]);
    expect(link.reconnections).toBe(0);
  });

  test("to a server that stays full ends", async () => {
    const { link, world } = make({}, { giveUpMs: 5000 });
    const opening = link.open();
    for (let n = 0; n < 2; n++) {
      const socket = await world.socket(n);
      socket.say("error", { code: "overloaded", fatal: true, retry_after_ms: 3000 });
      socket.drop(1013, "overloaded");
    }
    await expect(opening).rejects.toMatchObject({ code: "overloaded", retryAfterMs: 3000 });
    expect(world.waits).toEqual([3000]); // another wait would be longer than is tried at all
  });

  test.each([
    ["of another version", "ready", { protocol: "voicesrv.v9", conversation: "c" }],
    ["that is no voicesrv", "hello", {}],
  ])("to a server %s fails", async (_, type, fields) => {
    const { link, world } = make();
    const opening = link.open();
    const socket = await world.socket(0);
    socket.say(type, fields);
    await expect(opening).rejects.toMatchObject({ code: "protocol" });
    expect(socket.closed).toBe(true);
  });

  test("fails where the page's token cannot be had", async () => {
    const { link } = make({ token: () => Promise.reject(new Error("401")) });
    await expect(link.open()).rejects.toMatchObject({ code: "token", detail: "Error: 401" });
  });

  test("fails where a token does not come, or the server takes the connection and says nothing", async () => {
    const never = make({ token: () => new Promise(() => undefined) });
    const waiting = expect(never.link.open()).rejects.toMatchObject({
      code: "token",
      detail: "Error: none came within 30 s",
    });
    never.world.pass(30_000);
    await waiting;

    const silent = make();
    const opening = expect(silent.link.open()).rejects.toMatchObject({ code: "unreachable" });
    const socket = await silent.world.socket(0);
    silent.world.pass(29_999);
    expect(socket.closed).toBe(false);
    silent.world.pass(1);
    await opening;
    expect(socket.closed).toBe(true);
    expect(silent.world.timers).toBe(0);
  });

  test("is over where who gives tokens refuses the page's key", async () => {
    let isGood = true;
    const { link, socket, told } = await connected({
      token: async () => {
        if (!isGood) throw new VoiceError("unauthorized", "no such key");
        return "vt_1";
      },
    });
    isGood = false;
    socket.drop();
    await link.ended;
    expect(told.ends).toEqual(["unauthorized"]);
  });

  test("fails where the browser refuses the address", async () => {
    const { link, world } = make();
    world.connect = () => {
      throw new DOMException("mixed content", "SecurityError");
    };
    await expect(link.open()).rejects.toMatchObject({ code: "unreachable" });
  });

  test("hears what was said while it was made", async () => {
    const { link, world } = make();
    const opening = link.open();
    link.sendAudio(samples(0, 320));
    link.send({ type: "text", text: "hello" });
    const socket = await world.socket(0);
    socket.ready({ received_ms: 100 });
    await opening;
    expect(socket.audio).toHaveLength(320);
    expect(socket.commands).toEqual([{ type: "text", text: "hello" }]);
  });

  test.each([
    ["where nobody answers yet", 0],
    ["where the answer has just come", 1],
  ])("is let go at once when it is given up, %s", async (_, answers) => {
    const { link, world, told } = make();
    const opening = link.open();
    const socket = await world.socket(0);
    if (answers > 0) socket.ready();
    link.close();
    await expect(opening).rejects.toMatchObject({ code: "closed" });
    await settled();
    expect(socket.closed).toBe(true);
    expect(told.types).toEqual([]);
    expect(told.ends).toEqual([null]);
  });
});

test("what is given up while a token is awaited, or a full server, ends at once and dials no more", async () => {
  let giveToken: (token: string) => void = () => undefined;
  const awaiting = make({ token: () => new Promise((resolve) => (giveToken = resolve)) });
  const opening = awaiting.link.open();
  awaiting.link.close();
  await expect(opening).rejects.toMatchObject({ code: "closed" });
  giveToken("t");
  await settled();
  expect(awaiting.world.sockets).toHaveLength(0);

  const full = make();
  let comeAgain: () => void = () => undefined;
  full.world.waiting = () => new Promise((resolve) => (comeAgain = resolve));
  const trying = full.link.open();
  const socket = await full.world.socket(0);
  socket.say("error", { code: "overloaded", fatal: true, retry_after_ms: 3000 });
  socket.drop(1013, "overloaded");
  await settled();
  full.link.close();
  await expect(trying).rejects.toMatchObject({ code: "closed" });
  comeAgain();
  await settled();
  expect(full.world.sockets).toHaveLength(1);
});

describe("settings", () => {
  test("that the server refused are named, and are not asked for again", async () => {
    const { link, world, told, socket } = await connected({ settings: { language: "en" } });
    link.configure({ voice: "nobody", words: true });
    link.configure({ language: "de" });
    socket.say("error", { code: "engine_failed", message: "of the turn before" });
    socket.answer("not_found");
    socket.answer({ language: "de" });
    socket.say("configured", { settings: {}, id: null }); // of nobody here
    expect(told.refusals).toEqual([{ voice: "nobody", words: true }]);
    expect(told.troubles).toEqual(["engine_failed", "not_found"]);
    expect(told.types).toEqual(["ready", "configured", "configured"]);
    socket.drop(4007, "state_lost");
    const second = await world.socket(1);
    expect(second.query).toEqual({ language: "de", refuse: "socket" });
    second.ready({ conversation: "c2" });
    await settled();
    expect(second.commands).toEqual([]);
  });

  test("that a drop swallowed are asked for again, once, in the same conversation", async () => {
    const { link, world, told, socket } = await connected();
    link.configure({ language: "de" });
    socket.drop();
    link.configure({ voice: "nobody" });
    link.send({ type: "text", text: "Hallo" });
    const second = await world.socket(1);
    expect(second.query).toEqual({ refuse: "socket", conversation: "c1", resume: "r1", after: "0" });
    second.ready({ resume: "r2" });
    await settled();
    expect(second.commands).toEqual([
      { type: "configure", language: "de" },
      { type: "configure", voice: "nobody" },
      { type: "text", text: "Hallo" },
    ]);
    second.say("configured", { settings: {}, id: second.asked[0] }); // the server had got it, and says again what was missed
    second.answer({});
    second.answer("not_found");
    expect(told.refusals).toEqual([{ voice: "nobody" }]);
    second.drop(4007, "state_lost");
    expect((await world.socket(2)).query).toEqual({ refuse: "socket", language: "de" });
  });

  test("without an answer when the conversation is lost do not stand in the way of the next", async () => {
    const { link, world, told, socket } = await connected();
    link.configure({ voice: "nobody" });
    socket.drop(4007, "state_lost");
    const second = await world.socket(1);
    expect(second.query).toEqual({ refuse: "socket" });
    second.ready({ conversation: "c2" });
    await settled();
    expect(second.commands).toEqual([{ type: "configure", voice: "nobody" }]);
    second.answer("not_found");
    expect(told.refusals).toHaveLength(1);
    expect(told.ends).toEqual([]);
  });
});

describe("a drop", () => {
  test("is come back from: events once, audio from where it stopped, the microphone from where it was lost", async () => {
    let tokens = 0;
    const { link, world, told, socket } = await connected({ token: async () => `t${++tokens}` });
    link.sendAudio(samples(0, 960)); // 60 ms
    socket.say("reply.start", { seq: 1, reply: 1, turn: 1 });
    socket.say("audio.start", { seq: 2, reply: 1 });
    socket.play(...Array(480).fill(1)); // 10 ms
    socket.drop();
    link.sendAudio(samples(960, 1280));
    link.send({ type: "finalize" });
    link.sendIfUp({ type: "playback", reply: 1, played_ms: 5 });

    const second = await world.socket(1);
    expect(second.query).toEqual({
      refuse: "socket",
      conversation: "c1",
      resume: "r1",
      after: "2",
      audio_reply: "1",
      audio_ms: "10",
    });
    expect(second.protocols[1]).toBe("token.t2");
    second.ready({ seq: 2, resume: "r2", received_ms: 40 });
    await settled();
    expect(second.audio).toEqual([...samples(640, 1280)]);
    expect(second.commands).toEqual([{ type: "finalize" }]);

    second.say("audio.start", { seq: 2, reply: 1 });
    second.play(...Array(96).fill(2));
    second.say("audio.end", { seq: 3, reply: 1, duration_ms: 12 });
    expect(told.types).toEqual(["ready", "reply.start", "audio.start", "audio", "ready", "audio", "audio.end"]);
    expect(told.events[5]).toMatchObject({ start_ms: 10 });
    expect(link.reconnections).toBe(1);
    expect(link.lostMs).toBe(0);
    expect(told.downs).toBe(1);
    expect(told.troubles).toEqual([]);
    expect(link.session).toMatchObject({ conversation: "c1", resume: "r2", after: 3 });
  });

  test("after joining a conversation brings nothing from before", async () => {
    const { link, world } = make();
    const opening = link.open();
    const socket = await world.socket(0);
    socket.ready({ seq: 1007 });
    await opening;
    expect(link.session).toMatchObject({ after: 1007 });
    socket.drop();
    expect((await world.socket(1)).query).toMatchObject({ after: "1007" });
  });

  test("is tried again with growing waits, and named", async () => {
    const { world, told, socket } = await connected();
    socket.drop();
    for (let n = 1; n <= 3; n++) (await world.socket(n)).drop();
    (await world.socket(4)).ready();
    await settled();
    expect(world.waits).toEqual([125, 250, 500, 1000]);
    expect(told.troubles).toEqual(["unreachable", "unreachable", "unreachable"]);
    expect(told.downs).toBe(1);
    expect(told.types).toEqual(["ready", "ready"]);
  });

  test("in which no token can be had either is tried again", async () => {
    const tokens = ["t1", null, "t2"];
    const token = async () => {
      const next = tokens.shift();
      if (next === null) throw new Error("offline");
      return next;
    };
    const { world, told, socket } = await connected({ token });
    socket.drop();
    (await world.socket(1)).ready();
    await settled();
    expect(told.troubles).toEqual(["token"]);
    expect(told.types).toEqual(["ready", "ready"]);
  });

  test("whose tries hang is tried again, and no longer than it is to be tried", async () => {
    let answers = true;
    const token = () => (answers ? Promise.resolve("t") : new Promise<string>(() => undefined));
    const { world, told, socket } = await connected({ token }, { giveUpMs: 40_000 });
    answers = false;
    socket.drop();
    await settled();
    answers = true;
    world.pass(30_000);
    await settled();
    expect(told.troubles).toEqual(["token"]);
    await world.socket(1); // it says nothing
    expect(told.ends).toEqual([]);
    world.pass(10_000);
    await settled();
    expect(told.ends).toEqual(["unreachable"]);
    expect(world.timers).toBe(0);
  });

  test("after a while that went well is tried again at once", async () => {
    const { world, socket } = await connected();
    for (let n = 1; n <= 3; n++) {
      world.nowMs += 6000;
      (world.sockets[n - 1] ?? socket).drop();
      (await world.socket(n)).ready();
      await settled();
    }
    expect(world.waits).toEqual([125, 125, 125]);
  });

  test("that says when to come again is waited for", async () => {
    const { world, told, socket } = await connected();
    socket.say("warning", { seq: 1, code: "shutting_down" });
    socket.say("error", { seq: 2, code: "shutting_down", message: "bye", fatal: true, retry_after_ms: 2000 });
    socket.drop(1012, "shutting_down");
    (await world.socket(1)).ready();
    await settled();
    expect(world.waits).toEqual([2000]);
    expect(told.types).toEqual(["ready", "warning", "ready"]);
    expect(told.troubles).toEqual(["shutting_down"]);
  });

  test.each([
    ["the server forgot", 4007, "state_lost"],
    ["the server restarted and knows nothing", 4504, "not_found"],
  ])("of which %s leads to a new conversation", async (_, code, reason) => {
    const { link, world, told, socket } = await connected({
      settings: { instructions: "Be brief.", endpointing_max_ms: 2000 },
    });
    link.configure({ language: "de", endpointing_ms: 500 }); // one wait, so the longest is forgotten
    socket.answer({});
    socket.answer({});
    link.sendAudio(samples(0, 320));
    socket.say("clear", { seq: 9, reply: 3 });
    socket.drop();
    const second = await world.socket(1);
    second.say("error", { code: reason, message: "gone", fatal: true });
    second.drop(code, reason);
    const third = await world.socket(2);
    expect(third.query).toEqual({ refuse: "socket", language: "de", endpointing_ms: "500" });
    third.ready({ conversation: "c2", seq: 1 });
    await settled();
    expect(third.audio).toEqual([]); // it belongs to a turn that nobody knows
    expect(third.commands).toEqual([{ type: "configure", instructions: "Be brief." }]);
    third.say("clear", { seq: 2, reply: 1 });
    expect(told.types.slice(3)).toEqual(["clear", "ready", "clear"]);
    expect(told.troubles).toEqual(["state_lost"]);
    expect(link.conversation).toBe("c2");
  });

  test.each([
    [4509, "superseded"],
    [4501, "unauthorized"],
    [1008, "origin_not_allowed"],
  ])("with %i, %s, is the end", async (code, reason) => {
    const { link, told, socket } = await connected();
    socket.drop(code, reason);
    await settled();
    expect(told.ends).toEqual([reason]);
    expect(told.downs).toBe(0);
    expect(() => link.send({ type: "cancel" })).toThrow(/Connect first/);
  });

  test("that lasts is given up, and another link can go on", async () => {
    const { link, world, told, socket } = await connected({}, { giveUpMs: 1000 });
    socket.drop();
    for (let n = 1; told.ends.length === 0; n++) {
      (await world.socket(n)).drop();
      await settled();
    }
    expect(told.ends).toEqual(["unreachable"]);
    expect(link.session).toMatchObject({ conversation: "c1", resume: "r1" });
  });

  test("is the end where nobody wants to come back", async () => {
    const { told, socket } = await connected({}, { reconnect: false });
    socket.drop();
    await settled();
    expect(told.ends).toEqual(["closed"]);
  });

  test("ends quietly where the page closed meanwhile", async () => {
    const { link, world, told, socket } = await connected();
    world.waiting = async () => link.close();
    socket.drop();
    await settled();
    expect(world.sockets).toHaveLength(1);
    expect(told.ends).toEqual([null]);
  });

  test("keeps what is said in it apart: each turn ends where its key was let go", async () => {
    const { link, world, socket } = await connected();
    socket.drop();
    link.sendAudio(samples(0, 320));
    link.send({ type: "finalize" });
    link.sendAudio(samples(320, 640));
    const second = await world.socket(1);
    const order: unknown[] = [];
    second.send = (message) => order.push(typeof message === "string" ? JSON.parse(message).type : message.length);
    second.ready();
    await settled();
    expect(order).toEqual([320, "finalize", 320]);
  });

  test("that swallows the end of a turn does not leave it open", async () => {
    const { link, world, socket } = await connected();
    link.sendAudio(samples(0, 320));
    link.send({ type: "finalize" });
    expect(socket.commands).toEqual([{ type: "finalize" }]);
    socket.drop();
    const second = await world.socket(1);
    second.ready({ received_ms: 10, received_messages: 0 });
    await settled();
    expect(second.audio).toHaveLength(160);
    expect(second.commands).toEqual([{ type: "finalize" }]);
  });

  test("after which to wait longer than is tried at all is the end", async () => {
    const { world, told, socket } = await connected({}, { giveUpMs: 120_000 });
    socket.say("error", { code: "overloaded", fatal: true, retry_after_ms: 3_600_000 });
    socket.drop(1013, "overloaded");
    await settled();
    expect(told.ends).toEqual(["overloaded"]);
    expect(world.waits).toEqual([]);
  });

  test("that waits to be tried again is tried at once where somebody hurries", async () => {
    const { link, world, socket } = await connected();
    world.waiting = () => new Promise(() => undefined);
    socket.drop();
    await settled();
    expect(world.sockets).toHaveLength(1);
    link.hurry();
    (await world.socket(1)).ready();
    await settled();
    expect(link.up).toBe(true);
    link.hurry(); // nothing waits
    await settled();
    expect(world.sockets).toHaveLength(2);
  });

  test("that nobody noticed is looked for when the device wakes up", async () => {
    const { world, told, socket } = await connected();
    expect(world.wakes.size).toBe(1);
    for (const wake of world.wakes) wake();
    expect(socket.commands).toEqual([{ type: "ping", id: "keepalive" }]);
    world.pass(2999);
    expect(told.downs).toBe(0);
    world.pass(1);
    expect(told.downs).toBe(1);
    expect(world.wakes.size).toBe(0);
  });

  test("that swallows commands has them said again, each once, in the order they were said in", async () => {
    const { link, world, socket } = await connected();
    const text = (n: number) => ({ type: "text", text: `number ${n}` }) as const;
    link.send(text(1));
    link.sendIfUp({ type: "ping" });
    link.send(text(2));
    link.send(text(3));
    expect(socket.commands).toHaveLength(4);
    socket.drop();
    link.send(text(4));
    const second = await world.socket(1);
    second.ready({ received_messages: 2 });
    await settled();
    expect(second.commands).toEqual([text(2), text(3), text(4)]);
    second.drop();
    const third = await world.socket(2);
    third.ready({ received_messages: 5 });
    await settled();
    expect(third.commands).toEqual([]);
  });

  test("to a server that is back and knows nothing more is followed by another soon, however long it was away", async () => {
    const { world, socket } = await connected();
    socket.drop();
    for (let n = 1; n < 7; n++) (await world.socket(n)).drop();
    (await world.socket(7)).drop(4504, "not_found");
    await world.socket(8);
    expect(world.waits.slice(-2)).toEqual([10_000 * 0.5, 250 * 0.5]);
  });

  test("that is closing is given nothing, and another conversation all that means something there", async () => {
    const { link, world, socket } = await connected();
    socket.readyState = CLOSING;
    link.send({ type: "text", text: "Hello" });
    socket.drop(1012, "shutting_down");
    (await world.socket(1)).drop(4504, "not_found");
    const third = await world.socket(2);
    third.ready({ conversation: "c2", received_ms: 0, received_messages: 0 });
    await settled();
    expect(third.commands).toEqual([{ type: "text", text: "Hello" }]);
  });

  test("leaves settings in their places, also those that are asked for while it is down", async () => {
    const { link, world, socket } = await connected();
    socket.drop();
    link.send({ type: "text", text: "Hello" });
    link.configure({ language: "de" });
    link.send({ type: "text", text: "Guten Tag" });
    const second = await world.socket(1);
    second.ready();
    await settled();
    const [hello, guten] = ["Hello", "Guten Tag"].map((text) => ({ type: "text", text }));
    expect(second.commands).toEqual([hello, { type: "configure", language: "de" }, guten]);
  });

  test("that is closing is given nothing, and the next one all of it", async () => {
    const { link, world, socket } = await connected();
    socket.readyState = CLOSING; // the server has closed, and the browser is about to tell
    link.send({ type: "text", text: "Hello" });
    link.sendAudio(samples(0, 3));
    link.sendIfUp({ type: "ping" });
    socket.drop();
    const second = await world.socket(1);
    second.ready({ received_ms: 0, received_messages: 0 });
    await settled();
    expect(second.commands).toEqual([{ type: "text", text: "Hello" }]);
    expect(second.audio).toEqual([0, 1, 2]);
  });

  test("that ends in another conversation takes along what means something there", async () => {
    const { link, world, socket } = await connected();
    socket.drop(4007, "state_lost");
    for (const type of ["finalize", "cancel"] as const) link.send({ type });
    link.send({ type: "tool_result", id: "t1", output: 1 });
    link.send({ type: "text", text: "Hello" });
    const second = await world.socket(1);
    second.ready({ conversation: "c2" });
    await settled();
    expect(second.commands).toEqual([{ type: "text", text: "Hello" }]);
  });

  test("says what was lost of the microphone", async () => {
    const { link, world, socket } = await connected({}, { ringMs: 100 });
    socket.drop();
    link.sendAudio(samples(0, 3200));
    (await world.socket(1)).ready();
    await settled();
    expect(link.lostMs).toBe(100);
  });
});

test("a page that was reloaded goes on where it stopped", async () => {
  const session = { conversation: "c1", resume: "r7", after: 41, audio_reply: 3, audio_ms: 250 };
  const { link, world, told } = make({ session });
  const opening = link.open();
  const socket = await world.socket(0);
  expect(socket.query).toMatchObject({
    conversation: "c1",
    resume: "r7",
    after: "41",
    audio_reply: "3",
    audio_ms: "250",
  });
  socket.ready({ seq: 41, resume: "r8" });
  await opening;
  socket.play(1, 1);
  socket.say("audio.end", { seq: 42, reply: 3 });
  expect(told.events.slice(1)).toMatchObject([{ reply: 3, start_ms: 250 }, { type: "audio.end" }]);
  expect(link.reconnections).toBe(0);
});

test("a page that was reloaded says again what the one before could not", async () => {
  const { link, world, socket } = await connected();
  for (const text of ["one", "two"]) link.send({ type: "text", text });
  socket.drop();
  link.send({ type: "text", text: "three" });
  const session = JSON.parse(JSON.stringify(link.session));
  link.close();
  expect(world.sockets).toHaveLength(1);
  for (const [arrived, said] of [
    [1, ["two", "three"]],
    [2, ["three"]],
  ] as const) {
    const next = make({ session });
    void next.link.open();
    const socket = await next.world.socket(0);
    expect(Object.keys(socket.query).sort()).toEqual(["after", "conversation", "refuse", "resume"]);
    socket.ready({ received_messages: arrived });
    await settled();
    expect(socket.commands.map(({ text }) => text)).toEqual(said);
  }
  const lost = make({ session });
  void lost.link.open();
  (await lost.world.socket(0)).drop(4504, "not_found");
  const other = await lost.world.socket(1);
  other.ready({ conversation: "c2", received_messages: 0 });
  await settled();
  expect(other.commands).toEqual([]);
});

test.each([
  [4504, "not_found"],
  [4007, "state_lost"],
])("a page whose conversation is gone, %i, begins another", async (code, reason) => {
  const { link, world, told } = make({ session: { conversation: "c1", resume: "r7", after: 41 } });
  const opening = link.open();
  (await world.socket(0)).drop(code, reason);
  const socket = await world.socket(1);
  expect(socket.query).toEqual({ refuse: "socket" });
  socket.ready({ conversation: "c2", seq: 1 });
  await opening;
  expect(told.troubles).toEqual(["state_lost"]);
  socket.say("clear", { seq: 2, reply: 1 });
  expect(told.types).toEqual(["ready", "clear"]);
});

describe("the wire", () => {
  test("sends on in a hidden tab, where timers run late, with whatever is received", async () => {
    const { link, world, socket } = await connected();
    world.isHidden = true;
    for (let n = 0; n < 30; n++) link.send({ type: "text", text: String(n) });
    world.nowMs += 900;
    socket.say("pong", { id: "keepalive" });
    expect(socket.commands).toHaveLength(30);
  });

  test("that falls silent is asked, and is dropped where it does not answer", async () => {
    const { world, told, socket } = await connected();
    world.pass(14_999);
    expect(socket.commands).toEqual([]);
    world.pass(1);
    expect(socket.commands).toEqual([{ type: "ping", id: "keepalive" }]);
    world.pass(9000);
    socket.say("pong", { seq: 1, id: "keepalive" });
    expect(told.types).toEqual(["ready"]); // nobody asked for it
    world.pass(15_000 + 9_999);
    expect(told.downs).toBe(0);
    world.pass(1);
    await settled();
    expect(socket.closed).toBe(true);
    expect(told.downs).toBe(1);
    expect(world.sockets).toHaveLength(2);
  });

  test("is asked as often as the server's idle limit takes, where that is a short one", async () => {
    const { link, world } = make();
    const opening = link.open();
    const socket = await world.socket(0);
    socket.ready({ limits: { idle_timeout_s: 12 } });
    await opening;
    world.pass(4000);
    expect(socket.commands).toEqual([{ type: "ping", id: "keepalive" }]);
  });

  test("is kept alive in a tab that nobody looks at, whose timers' timers run once a minute", async () => {
    const { world, told, socket } = await connected();
    world.isHidden = true;
    let answered = 0;
    let saidAt = world.nowMs;
    let longest = 0;
    for (let s = 0; s < 1800; s++) {
      world.pass(1000);
      if (socket.commands.length > answered) {
        answered = socket.commands.length;
        longest = Math.max(longest, world.nowMs - saidAt);
        saidAt = world.nowMs;
        socket.say("pong", { id: "keepalive" });
      }
    }
    expect(told.downs).toBe(0);
    expect(answered).toBeGreaterThanOrEqual(1800 / 16);
    expect(longest).toBeLessThanOrEqual(16_000); // the server allows 60 s
  });

  test("is given no settings that are no JSON, or too large", async () => {
    const { link, socket } = await connected();
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    expect(() => link.configure({ instructions: cyclic as unknown as string })).toThrow(TypeError);
    const instructions = "x".repeat(65_536);
    expect(() => link.configure({ instructions })).toThrow(expect.objectContaining({ code: "too_large" }));
    expect(socket.commands).toEqual([]);
    link.configure({ language: "de" });
    expect(socket.commands).toEqual([{ type: "configure", language: "de" }]);
  });

  test("a page's own ping is answered to the page", async () => {
    const { link, told, socket } = await connected();
    link.send({ type: "ping", id: 7 });
    socket.say("pong", { seq: 1, id: 7 });
    expect(told.events[1]).toMatchObject({ type: "pong", id: 7 });
  });

  test("that speaks nonsense is the end", async () => {
    const { told, socket } = await connected();
    socket.onmessage?.({ data: "{" });
    expect(told.ends).toEqual(["protocol"]);
    expect(socket.closed).toBe(true);
  });

  test("takes a bounded number of commands while it is down", async () => {
    const { link, world, socket } = await connected();
    world.waiting = () => new Promise(() => undefined);
    socket.drop();
    for (let n = 0; n < 100; n++) link.send({ type: "text", text: "x" });
    expect(() => link.send({ type: "text", text: "x" })).toThrow(/too much at once/);
    expect(link.offer({ type: "finalize" })).toBe(false);
    for (let n = 0; n < 100; n++) link.configure({ language: "de" });
    expect(() => link.configure({ language: "de" })).toThrow(/too much at once/);
  });
});

describe("the end", () => {
  test("that was asked for is no error", async () => {
    const { link, told, socket } = await connected();
    link.finish();
    expect(socket.commands).toEqual([{ type: "close" }]);
    socket.drop(1000);
    await settled();
    expect(told.ends).toEqual([null]);
    expect(link.session).toBeNull();
  });

  test("is asked for again after a drop", async () => {
    const { link, world, socket } = await connected();
    link.finish();
    socket.drop();
    const second = await world.socket(1);
    second.ready();
    await settled();
    expect(second.commands).toEqual([{ type: "close" }]);
  });

  test("is asked for after what a drop swallowed, as nothing is heard behind it", async () => {
    const { link, world, socket } = await connected();
    link.sendAudio(samples(0, 320));
    link.finish();
    socket.drop();
    const second = await world.socket(1);
    const order: unknown[] = [];
    second.send = (message) => order.push(typeof message === "string" ? JSON.parse(message).type : message.length);
    second.ready({ received_messages: 0 });
    await settled();
    expect(order).toEqual([320, "close"]);
  });

  test("is asked for however many commands wait", async () => {
    const { link, world, socket } = await connected();
    for (let n = 0; n < 115; n++) link.send({ type: "text", text: String(n) });
    expect(() => link.send({ type: "text", text: "one more" })).toThrow(/too much at once/);
    link.configure({ language: "de" });
    link.finish();
    world.pass(10_000);
    expect(socket.commands).toHaveLength(117);
    expect(socket.commands.slice(-2)).toEqual([{ type: "configure", language: "de" }, { type: "close" }]);
  });

  test("of who leaves comes past all that waits, which nobody wants any more", async () => {
    const { link, world, socket } = await connected();
    for (let n = 0; n < 80; n++) link.send({ type: "text", text: String(n) });
    const before = socket.commands.length;
    link.leave();
    world.pass(10_000);
    expect(socket.commands.slice(before)).toEqual([{ type: "close", finish: false }]);
  });

  test("of who leaves is said once: a drop is it, too, and nothing that is given after it is sent", async () => {
    const { link, world, told, socket } = await connected();
    link.send({ type: "text", text: "Never mind" });
    link.leave();
    expect(() => link.send({ type: "text", text: "Wait" })).toThrow(expect.objectContaining({ code: "not_connected" }));
    expect(link.offer({ type: "finalize" })).toBe(false);
    link.sendAudio(samples(0, 320));
    link.finish();
    world.pass(30_000); // no ping either
    expect(socket.commands.slice(1)).toEqual([{ type: "close", finish: false }]);
    expect(socket.audio).toEqual([]);
    socket.drop();
    await settled();
    expect(told.ends).toEqual([null]);
    expect(world.sockets).toHaveLength(1);
    expect(link.session).toBeNull();
  });

  test("that was asked for leaves no session behind, also where the first connection fails", async () => {
    const session = { conversation: "c1", resume: "r1", after: 0 };
    const { link, world } = make({ session }, { reconnect: false });
    const opening = link.open();
    link.finish();
    (await world.socket(0)).drop();
    await expect(opening).rejects.toMatchObject({ code: "unreachable" });
    expect(link.session).toBeNull();
  });

  test("is told to who waits for it where the first connection fails", async () => {
    const { link, world } = make();
    const opening = link.open();
    link.finish();
    (await world.socket(0)).drop(4501, "unauthorized");
    await expect(opening).rejects.toMatchObject({ code: "unauthorized" });
    await link.ended;
  });
});

test("an address that is none is refused before anything is opened", () => {
  expect(() => make({ url: "ftp://h" })).toThrow(TypeError);
});
