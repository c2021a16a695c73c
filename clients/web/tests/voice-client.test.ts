import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { VoiceClientOptions } from "../src/client-options.js";
import { VoiceClient, VoiceError } from "../src/index.js";
import { Microphone } from "../src/microphone.js";
import { Speaker } from "../src/speaker.js";
import type { Mark } from "../src/worklets/messages.js";
import { FakeContext, FakeGain, FakeNode } from "./fake-audio.js";
import { ScriptedSocket, settled } from "./scripted.js";

const sockets: ScriptedSocket[] = [];

beforeEach(() => {
  sockets.length = 0;
  vi.useFakeTimers();
  vi.stubGlobal(
    "WebSocket",
    class extends ScriptedSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    },
  );
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A client without audio (there is none here), and what it tells. */
function make(options: VoiceClientOptions = {}) {
  const client = new VoiceClient({ url: "https://voice.example.org", ...options });
  const told: [string, unknown][] = [];
  for (const type of ["state", "phase", "error", "ready", "turn.end", "reply.text", "audio", "unknown"] as const) {
    client.addEventListener(type, ({ detail }: CustomEvent) => told.push([type, detail]));
  }
  const of = (type: string) => told.filter(([name]) => name === type).map(([, detail]) => detail);
  return { client, told, of };
}

async function connected(options: VoiceClientOptions = {}) {
  const made = make({ settings: { mode: "listen" }, ...options });
  const connecting = made.client.connect();
  await settled();
  const socket = sockets[0] as ScriptedSocket;
  socket.ready({ settings: { mode: "listen" } });
  await connecting;
  return { ...made, socket };
}

test("connects, tells, and follows whose turn it is", async () => {
  const { client, of, told, socket } = await connected();
  expect(client).toMatchObject({
    state: "connected",
    conversation: "c1",
    phase: "listening",
    settings: { mode: "listen" },
  });
  socket.say("turn.start", { seq: 1, turn: 1 });
  socket.say("turn.end", { seq: 2, turn: 1, text: "hello" });
  socket.say("reply.start", { seq: 3, reply: 1, turn: 1 });
  socket.say("reply.text", { seq: 4, reply: 1, delta: "Hi." });
  socket.say("aside", { seq: 5 });
  expect(of("turn.end")).toMatchObject([{ text: "hello" }]);
  expect(of("reply.text")).toMatchObject([{ delta: "Hi." }]);
  expect(of("unknown")).toMatchObject([{ raw: { type: "aside" } }]);
  expect(of("phase")).toEqual([
    { phase: "listening", previous: "off" },
    { phase: "hearing", previous: "listening" },
    { phase: "listening", previous: "hearing" }, // in `listen` nobody thinks of an answer
    { phase: "thinking", previous: "listening" }, // but another page of the conversation may have asked
  ]);
  expect(told.slice(0, 2).map(([type]) => type)).toEqual(["state", "state"]);
});

test("commands are said under the names of the wire", async () => {
  const { client, socket } = await connected();
  client.say("One");
  client.say("Two", { flush: false });
  client.flush("f");
  client.sendText("Hi");
  client.cancel();
  client.finalize();
  client.configure({ language: "de" });
  client.toolResult("t1", { degrees: 3 });
  client.toolResult("t2", undefined);
  client.toolError("t3", "no such city");
  client.ping(1);
  expect(socket.commands).toEqual([
    { type: "speak", text: "One", flush: true },
    { type: "speak", text: "Two", flush: false },
    { type: "flush", id: "f" },
    { type: "text", text: "Hi" },
    { type: "cancel" },
    { type: "finalize" },
    { type: "configure", language: "de" },
    { type: "tool_result", id: "t1", output: { degrees: 3 } },
    { type: "tool_result", id: "t2", output: null },
    { type: "tool_result", id: "t3", error: "no such city" },
    { type: "ping", id: 1 },
  ]);
});

test("who talks by a key and not by push to talk leaves the microphone open", async () => {
  const { client, socket } = await connected();
  client.startTalking();
  await client.stopTalking();
  expect(client.muted).toBe(false);
  expect(socket.commands).toEqual([{ type: "finalize" }]);
  client.setPushToTalk(true);
  client.startTalking();
  const stopping = client.stopTalking();
  client.setPushToTalk(false); // meanwhile
  await stopping;
  expect(client.muted).toBe(false);
});

test("what is undefined of the upkeep is as if it were left out", async () => {
  const upkeep = { reconnect: undefined, keepaliveMs: undefined, giveUpMs: undefined };
  const { client, socket } = await connected({ upkeep });
  socket.drop();
  expect(client.state).toBe("reconnecting");
});

test("a command without a conversation is an error that says so", () => {
  const { client } = make();
  expect(() => client.sendText("Hi")).toThrow(VoiceError);
  client.configure({ language: "de" }); // is for when there is one
});

test("what the server complains of is an error event, and the conversation lives on", async () => {
  const { client, of, socket } = await connected();
  socket.say("error", { seq: 1, code: "engine_failed", message: "espeak died", retry_after_ms: 100 });
  expect(of("error")).toMatchObject([
    { code: "engine_failed", detail: "espeak died", fatal: false, retryAfterMs: 100 },
  ]);
  expect(client.state).toBe("connected");
});

test("a refusal is thrown, and connecting again works", async () => {
  const { client, of } = make({ settings: { mode: "listen" }, token: () => `t${sockets.length}` });
  const connecting = client.connect();
  expect(client.connect()).toBe(connecting);
  await settled();
  sockets[0]?.drop(4501, "unauthorized");
  await expect(connecting).rejects.toMatchObject({ code: "unauthorized", message: /key/ });
  expect(client.state).toBe("idle");
  const again = client.connect();
  await settled();
  expect(sockets[1]?.protocols).toEqual(["voicesrv.v1", "token.t1"]);
  sockets[1]?.ready();
  await again;
  expect(of("state").map((detail) => (detail as { state: string }).state)).toEqual([
    "connecting",
    "idle",
    "connecting",
    "connected",
  ]);
});

test("an end that nobody asked for is told once, and can be gone on from", async () => {
  const { client, of, socket } = await connected();
  socket.say("reply.start", { seq: 7, reply: 1 });
  socket.say("error", { seq: 8, code: "superseded", message: "another connection", fatal: true });
  socket.drop(4509, "superseded");
  await settled();
  expect(of("error")).toMatchObject([{ code: "superseded", fatal: true, detail: "another connection" }]);
  expect(client).toMatchObject({ state: "idle", phase: "off" });
  const again = client.connect();
  await settled();
  expect(sockets[1]?.query).toMatchObject({ conversation: "c1", resume: "r1", after: "8" });
  sockets[1]?.ready();
  await again;
});

test("without audio there are still captions", async () => {
  const { client, of, socket } = await connected({ settings: {} });
  expect(of("error")).toMatchObject([{ code: "audio" }]);
  socket.say("audio.start", { seq: 1, reply: 1 });
  socket.play(1, 0);
  socket.say("reply.text", { seq: 2, reply: 1, delta: "Hi." });
  await settled();
  expect(of("error")).toHaveLength(1); // it is said once, not with every reply
  expect(of("audio")).toMatchObject([{ reply: 1, start_ms: 0 }]);
  expect(of("reply.text")).toHaveLength(1);
  expect(client.playedMs(1)).toBeNull();
});

test("a session of a reply whose end was told already ends it where its audio does", async () => {
  const taken = vi.spyOn(Speaker.prototype, "take");
  const ends = () => taken.mock.calls.filter(([{ type }]) => type === "audio.end").length;
  const session = { conversation: "c1", resume: "r1", after: 44, audio_reply: 1, audio_ms: 500, audio_end_ms: 900 };
  const { socket } = await connected({ session });
  expect(socket.query).not.toHaveProperty("audio_end_ms");
  socket.play(...new Uint8Array(48 * 399));
  expect(ends()).toBe(0);
  socket.play(...new Uint8Array(48));
  expect(ends()).toBe(1);
  socket.say("audio.start", { seq: 45, reply: 2 }); // another one ends by itself
  socket.play(...new Uint8Array(48 * 1000));
  expect(ends()).toBe(1);
});

describe("with a speaker", () => {
  beforeEach(() => {
    vi.stubGlobal("navigator", { userAgent: "" });
    vi.stubGlobal("AudioContext", FakeContext);
    vi.stubGlobal("AudioWorkletNode", FakeNode);
    vi.stubGlobal("GainNode", FakeGain);
    vi.stubGlobal("addEventListener", () => undefined);
    vi.stubGlobal("removeEventListener", () => undefined);
  });

  const told = () => FakeNode.last.commands.map(({ type }) => type);
  const mark = (fields: Partial<Mark>) =>
    FakeNode.last.port.onmessage?.({
      data: {
        ...{ reply: 1, positionMs: 0, aheadMs: 0, sounding: true, done: false, at: 0 },
        ...{ waitingMs: 0, underruns: 0, delayMs: 66, ...fields },
      },
    });

  /** A conversation in which a reply of 200 ms has arrived. */
  async function answered() {
    const made = await connected({ settings: {} });
    made.socket.say("audio.start", { seq: 1, reply: 1 });
    made.socket.play(...new Uint8Array(9600));
    return made;
  }

  test("who hangs up hears nothing of what is still under way, and something of the next conversation", async () => {
    const { client, socket } = await answered();
    const hanging = client.disconnect();
    socket.play(...new Uint8Array(9600));
    socket.say("audio.start", { seq: 2, reply: 2 });
    socket.play(...new Uint8Array(9600));
    expect(told()).toEqual(["push", "reset"]);
    socket.drop(1000);
    await hanging;
    expect(FakeContext.last.close).toHaveBeenCalled();
    void client.connect();
    await settled();
    sockets[1]?.ready({ conversation: "c2" });
    await settled();
    sockets[1]?.say("audio.start", { seq: 1, reply: 1 });
    sockets[1]?.play(1, 0);
    expect(told()).toEqual(["reset", "push"]);
  });

  test("who hears the server out hears what has arrived and does not sound yet", async () => {
    const { client, socket } = await answered();
    const hanging = client.disconnect({ finish: true });
    socket.say("audio.end", { seq: 2, reply: 1, duration_ms: 200 });
    socket.drop(1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(FakeContext.last.close).not.toHaveBeenCalled();
    mark({});
    mark({ positionMs: 200, sounding: false, done: true });
    await vi.advanceTimersByTimeAsync(1000);
    await hanging;
    expect(FakeContext.last.close).toHaveBeenCalled();
    expect(client.state).toBe("idle");
  });

  test("a session goes on with what was heard of a reply, also where nothing of it sounds yet", async () => {
    const { client, socket } = await answered();
    expect(client.session).toMatchObject({ audio_reply: 1, audio_ms: 0 });
    socket.say("audio.end", { seq: 2, reply: 1, duration_ms: 200 });
    mark({ positionMs: 100, at: 0 });
    expect(client.session).toMatchObject({ audio_reply: 1, audio_ms: 70, audio_end_ms: 200 });
    mark({ positionMs: 200, sounding: false, done: true });
    // All was heard, but what is rounded off comes again, and must have an end.
    expect(client.session).toMatchObject({ audio_reply: 1, audio_ms: 200, audio_end_ms: 200 });
  });

  test("a session asks for no more than a server keeps of a reply that is over", async () => {
    const { client, socket } = await answered();
    for (let n = 0; n < 24; n++) socket.play(...new Uint8Array(9600));
    expect(client.session).toMatchObject({ audio_reply: 1, audio_ms: 2000 });
  });

  test("the volume is that of the option, then what it was set to, over all connections", async () => {
    const { client, socket } = await connected({ settings: {}, volume: 0.5 });
    expect(FakeGain.last.gain.value).toBe(0.5);
    client.volume = 0.25;
    const hanging = client.disconnect();
    socket.drop(1000);
    await hanging;
    void client.connect();
    await settled();
    expect([client.volume, FakeGain.last.gain.value]).toEqual([0.25, 0.25]);
    expect(() => make({ volume: 2 })).toThrow(RangeError);
  });

  test("audio that cannot be played ends the conversation with an error, and none is thrown at the browser", async () => {
    const { client, of, socket } = await connected({ settings: {} });
    socket.say("audio.start", { seq: 1, reply: 1, encoding: "mulaw", sample_rate: 8000 });
    await settled();
    expect(of("error")).toMatchObject([{ code: "protocol", fatal: true, detail: /mulaw/ }]);
    expect(client.state).toBe("idle");
  });
});

test("where the connection ends for good, what was received of a reply is played out", async () => {
  const finish = vi.spyOn(Speaker.prototype, "finish");
  const { socket } = await connected();
  socket.drop(4501, "unauthorized");
  expect(finish).toHaveBeenCalledOnce();
});

describe("settings", () => {
  test("that are refused: who asked is told which and why, and they are not asked for again", async () => {
    const { client, of, socket } = await connected();
    client.configure({ voice: "nobody" });
    socket.answer("not_found");
    expect(of("error")).toMatchObject([
      { code: "not_found", detail: "no", refused: { voice: "nobody" }, fatal: false },
    ]);
    socket.drop(4509, "superseded");
    client.configure({ voice: "somebody" }); // the conversation could go on, with the settings that it has
    void client.connect();
    await settled();
    sockets[1]?.drop(4007, "state_lost");
    await vi.advanceTimersByTimeAsync(1000);
    expect(sockets[2]?.query).toEqual({ mode: "listen", voice: "somebody", refuse: "socket" });
    sockets[2]?.ready({ conversation: "c2" });
    await settled();
    expect(sockets[2]?.commands).toEqual([]);
    expect(of("error")).toHaveLength(3); // superseded, state_lost
  });

  test("go along where a conversation goes on, and before what a listener says", async () => {
    const session = { conversation: "c1", resume: "r1", after: 4 };
    const { client } = make({ settings: { mode: "listen", interrupt: false }, session });
    client.addEventListener("ready", () => client.configure({ voice: "x" }));
    void client.connect();
    await settled();
    sockets[0]?.ready();
    await settled();
    expect(sockets[0]?.query).toEqual({ conversation: "c1", resume: "r1", after: "4", refuse: "socket" });
    expect(sockets[0]?.commands).toEqual([
      { type: "configure", mode: "listen", interrupt: false },
      { type: "configure", voice: "x" },
    ]);
  });

  test("that no message can hold are refused here, and never end a connection twice", async () => {
    const { client, socket } = await connected({ settings: { mode: "listen" } });
    socket.ready({ limits: { text_bytes: 1000 } });
    client.configure({ instructions: "x".repeat(2000) }); // the limit is of the first `ready`, where there was none
    socket.drop(1009, "too_large");
    await settled();
    void client.connect();
    await settled();
    sockets[1]?.ready({ limits: { text_bytes: 1000 } });
    await settled();
    expect(sockets[1]?.commands).toEqual([]);
    expect(() => client.configure({ instructions: "x".repeat(2000) })).toThrow(
      expect.objectContaining({ code: "too_large", detail: expect.stringContaining("over the 1000") }),
    );
    expect(client.wanted).toEqual({ mode: "listen" });
  });

  test("of waits during push to talk are told when it is off", async () => {
    const { client, socket } = await connected({ pushToTalk: true });
    client.configure({ endpointing_ms: 800, language: "de" });
    client.setPushToTalk(false);
    expect(socket.commands.filter(({ type }) => type === "configure")).toEqual([
      { type: "configure", language: "de" },
      { type: "configure", endpointing_ms: 800, endpointing_max_ms: 0 },
    ]);
  });

  test("from before connect go along, until they are changed", async () => {
    const { client } = make({ settings: { mode: "listen" } });
    client.configure({ agent: "nobody" });
    const connecting = client.connect();
    await settled();
    expect(sockets[0]?.query).toEqual({ mode: "listen", agent: "nobody", refuse: "socket" });
    sockets[0]?.say("error", { code: "not_found", message: "agent: no such", fatal: true });
    sockets[0]?.drop(4504, "not_found");
    await expect(connecting).rejects.toMatchObject({ code: "not_found" });
    client.configure({ agent: "default" });
    void client.connect();
    await settled();
    expect(sockets[1]?.query).toEqual({ mode: "listen", agent: "default", refuse: "socket" });
    sockets[1]?.ready();
  });

  test("of a wait that is refused do not become what push to talk gives back", async () => {
    const { client, socket } = await connected({ settings: { mode: "listen", endpointing_ms: 500 } });
    client.configure({ endpointing_ms: 5 });
    socket.answer("bad_parameter");
    client.setPushToTalk(true);
    socket.answer({});
    client.setPushToTalk(false);
    expect(socket.commands.at(-1)).toEqual({ type: "configure", endpointing_ms: 500, endpointing_max_ms: 0 });
  });
});

test("a conversation that is lost takes with it whose turn it was", async () => {
  const { client, of, socket } = await connected({ settings: {} });
  socket.say("turn.start", { seq: 1, turn: 1 });
  socket.drop(4007, "state_lost");
  await vi.advanceTimersByTimeAsync(1000);
  sockets[1]?.ready({ conversation: "c2" });
  await settled();
  expect(client).toMatchObject({ conversation: "c2", state: "connected", phase: "listening" });
  expect(of("error").map((error) => (error as VoiceError).code)).toContain("state_lost");
});

describe("hanging up", () => {
  /** Every order of calls, each with what was opened so far answered or not. */
  const ORDERS = ["cd", "dc", "cdc", "dcd", "ccd", "cddc", "cdcd", "cdcdc", "cdFc", "cFd", "cFdc", "cFFc", "cFc"]; // F: finish first
  test.each(ORDERS.flatMap((order) => ["quick", "slow"].map((pace) => [order, pace] as const)))(
    "and connecting, as in %s, %s: the last call decides",
    async (order, pace) => {
      const { client } = make({ settings: { mode: "listen" } });
      const calls: Promise<boolean>[] = []; // whether they did what they were to
      for (const each of order) {
        const call = each === "c" ? client.connect() : client.disconnect({ finish: each === "F" });
        calls.push(
          call.then(
            () => true,
            () => false,
          ),
        );
        if (pace === "quick") continue;
        await settled();
        if (each === "c" && client.state === "connecting") sockets.at(-1)?.ready();
        await settled();
      }
      await settled();
      for (const socket of sockets) if (!socket.closed) socket.ready();
      await vi.advanceTimersByTimeAsync(3000);
      const isUp = order.endsWith("c");
      expect(client.state).toBe(isUp ? "connected" : "idle");
      expect(sockets.filter(({ closed }) => !closed)).toHaveLength(isUp ? 1 : 0);
      const done = await Promise.all(calls);
      expect(done.at(-1)).toBe(true);
      expect(done.filter((isDone, n) => order[n] !== "c" && !isDone)).toEqual([]);
      if (isUp) client.sendText("Hello");
    },
  );

  test.each(["connecting", "connected"])("by a listener that is told of `%s` leaves nothing behind", async (when) => {
    const { client } = make({ settings: { mode: "listen" } });
    client.addEventListener("state", ({ detail }) => detail.state === when && void client.disconnect());
    const connecting = client.connect().catch((error) => error.code);
    await settled();
    sockets[0]?.ready();
    await vi.advanceTimersByTimeAsync(3000);
    expect(client).toMatchObject({ state: "idle", phase: "off" });
    expect(await connecting).toBe(when === "connecting" ? "closed" : undefined);
    expect(sockets.filter(({ closed }) => !closed)).toEqual([]);
  });

  test("does not close what a listener has connected again meanwhile", async () => {
    const { client, socket } = await connected();
    client.addEventListener("state", ({ detail }) => detail.state === "idle" && void client.connect());
    socket.drop(4509, "superseded");
    await settled();
    sockets[1]?.ready();
    await settled();
    expect(client).toMatchObject({ state: "connected", phase: "listening" });
  });

  test("stops the reply, says goodbye, and does not wait long", async () => {
    const { client, of, socket } = await connected();
    const hanging = client.disconnect();
    expect(socket.commands).toEqual([{ type: "close", finish: false }]);
    await vi.advanceTimersByTimeAsync(2000);
    await hanging;
    expect(socket.closed).toBe(true);
    expect(client).toMatchObject({ state: "idle", session: null });
    expect(of("error")).toEqual([]);
  });

  test("after hearing the server out", async () => {
    const { client, of, socket } = await connected();
    const hanging = client.disconnect({ finish: true });
    expect(socket.commands).toEqual([{ type: "close" }]);
    await vi.advanceTimersByTimeAsync(9000);
    socket.say("reply.text", { seq: 1, reply: 1, delta: "Bye." });
    socket.drop(1000);
    await hanging;
    expect(of("reply.text")).toHaveLength(1);
    expect(client.state).toBe("idle");
  });

  test("after hearing the server out, when the connection is back: with all that waited for it", async () => {
    const { client, socket } = await connected();
    client.sendText("One.");
    socket.drop();
    client.sendText("Two.");
    let isDone = false;
    const hanging = client.disconnect({ finish: true }).then(() => {
      isDone = true;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(isDone).toBe(false);
    sockets[1]?.ready({ received_messages: 1 });
    await settled();
    expect(sockets[1]?.commands).toEqual([{ type: "text", text: "Two." }, { type: "close" }]);
    sockets[1]?.drop(1000);
    await hanging;
    expect(client.state).toBe("idle");
  });

  test("after hearing the server out ends where the connection does not come back", async () => {
    const { client, of, socket } = await connected({ upkeep: { giveUpMs: 5000 } });
    socket.drop();
    const hanging = client.disconnect({ finish: true });
    for (let second = 0; second < 10; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      sockets.at(-1)?.drop();
    }
    await hanging;
    expect(client.state).toBe("idle");
    expect(of("error").at(-1)).toMatchObject({ code: "unreachable", fatal: true });
  });

  test("without hearing it out ends that which waits for the server", async () => {
    const { client, socket } = await connected();
    socket.drop();
    const hanging = client.disconnect({ finish: true });
    await settled();
    await client.disconnect();
    await hanging;
    expect(client.state).toBe("idle");
  });

  test("while it connects ends the trying", async () => {
    const { client } = make({ settings: { mode: "listen" } });
    const connecting = client.connect();
    await settled();
    await client.disconnect();
    sockets[0]?.ready();
    await expect(connecting).rejects.toMatchObject({ code: "closed" });
    expect(client.state).toBe("idle");
  });

  test("when there is nothing to hang up is nothing", async () => {
    await make().client.disconnect();
  });
});

test("push to talk: turns end with the key, and the other way is restored", async () => {
  const { client, socket } = await connected({ pushToTalk: true, settings: { mode: "listen", endpointing_ms: 500 } });
  expect(socket.query.endpointing_ms).toBe("0");
  expect(client.muted).toBe(true);
  client.startTalking();
  expect(client.muted).toBe(false);
  await client.stopTalking();
  expect(client.muted).toBe(true);
  client.setPushToTalk(false);
  expect(client.muted).toBe(false);
  client.setPushToTalk(true);
  expect(socket.commands).toEqual([
    { type: "finalize" },
    { type: "configure", endpointing_ms: 500, endpointing_max_ms: 0 },
    { type: "finalize" }, // ends an open turn and no other, as it is not push to talk yet
    { type: "configure", endpointing_ms: 0 },
  ]);
});

/** A microphone of the browser's that a test speaks into, and whose flush it answers. */
function device() {
  const made = {
    label: "Fake",
    deviceId: "a",
    muted: false,
    flushed: [] as (() => void)[],
    say: (_sample: number): void => undefined,
    flush: () => new Promise<void>((resolve) => made.flushed.push(resolve)),
    close: () => undefined,
  };
  vi.spyOn(Microphone, "open").mockImplementation(async (_options, hooks) => {
    made.say = (sample) => hooks.heard(new Int16Array(320).fill(sample), 0);
    return made as unknown as Microphone;
  });
  return made;
}

describe("a key that is pressed again at once", () => {
  test("is heard, and the first turn ends where the key was let go", async () => {
    const microphone = device();
    const { client, socket } = await connected({ pushToTalk: true });
    await client.startMicrophone();
    client.startTalking();
    microphone.say(1);
    const first = client.stopTalking();
    client.startTalking();
    microphone.flushed[0]?.();
    await first;
    expect(client.muted).toBe(false);
    expect(socket.commands).toEqual([{ type: "finalize" }]);
    microphone.say(2);
    const second = client.stopTalking();
    microphone.flushed[1]?.();
    await second;
    expect(client.muted).toBe(true);
    expect(socket.commands).toEqual([{ type: "finalize" }, { type: "finalize" }]);
    expect([socket.audio[0], socket.audio[320]]).toEqual([1, 2]);
  });

  test("nothing of a voice that speaks on is sent after a turn's end, where it would begin another", async () => {
    const microphone = device();
    const { client, socket } = await connected({ pushToTalk: true });
    await client.startMicrophone();
    client.startTalking();
    const stopping = client.stopTalking();
    microphone.flushed[0]?.();
    await stopping;
    for (let n = 0; n < 5; n++) microphone.say(1000);
    expect(socket.audio.filter((sample) => sample !== 0)).toEqual([]);
    expect(socket.audio).toHaveLength(1600);
  });

  test("and let go when the conversation is over is no error", async () => {
    const { client } = make({ pushToTalk: true });
    client.startTalking();
    await client.stopTalking();
    expect(client.muted).toBe(true);
  });
});

describe("a microphone that is let go of", () => {
  test("ends the turn, also one whose start is not known here yet", async () => {
    const microphone = device();
    const { client, socket } = await connected();
    await client.startMicrophone();
    microphone.say(1);
    client.stopMicrophone();
    expect(socket.commands).toEqual([{ type: "finalize" }]);
    client.stopMicrophone();
    client.mute();
    client.mute(false);
    expect(socket.commands).toHaveLength(1);
  });

  test.each([
    [false, [{ type: "close", finish: false }]],
    [true, [{ type: "finalize" }, { type: "close" }]],
  ])("by who hangs up ends no turn, but where what was said is to be finished: %s", async (finish, farewell) => {
    const microphone = device();
    const { client, socket } = await connected();
    await client.startMicrophone();
    microphone.say(1);
    const hanging = client.disconnect({ finish });
    expect(socket.commands).toEqual(farewell);
    expect(client.microphone.state).toBe("off");
    socket.drop(1000);
    await vi.advanceTimersByTimeAsync(3000);
    await hanging;
  });

  test("with its key up ends nothing: letting go of the key has", async () => {
    const microphone = device();
    const { client, socket } = await connected({ pushToTalk: true });
    await client.startMicrophone();
    microphone.say(1);
    client.stopMicrophone();
    expect(socket.commands).toEqual([]);
  });
});

test("what push to talk replaces is what was set last, else the server's default", async () => {
  const { client, socket } = await connected({ pushToTalk: true });
  client.setPushToTalk(false);
  client.configure({ endpointing_max_ms: 2000 });
  client.setPushToTalk(true);
  client.setPushToTalk(false);
  expect(socket.commands.filter(({ endpointing_ms }) => endpointing_ms === null)).toEqual([
    { type: "configure", endpointing_ms: null, endpointing_max_ms: null },
    { type: "configure", endpointing_ms: null, endpointing_max_ms: 2000 },
  ]);
});

test("a dead connection is noticed by the clock", async () => {
  const { client, socket } = await connected();
  await vi.advanceTimersByTimeAsync(16_000);
  expect(socket.commands).toEqual([{ type: "ping", id: "keepalive" }]);
  await vi.advanceTimersByTimeAsync(12_000);
  expect(client.state).toBe("reconnecting");
  await client.disconnect();
});
