import { type VoiceClient, VoiceError } from "@voicesrv/web";
import { describe, expect, test, vi } from "vitest";
import { Server } from "../../src/shared/server.js";
import { NO_PREFERENCES, type Preferences } from "../../src/talk/choices.js";
import { Talk, type TalkHooks } from "../../src/talk/talk.js";

/** A talk that tells the hooks that are returned with it. */
function talkOf(preferences: Partial<Preferences> = {}) {
  const calls = { failed: vi.fn(), moved: vi.fn(), changed: vi.fn(), well: vi.fn(), announce: vi.fn() };
  const server = new Server(new URL("https://voice.test/"), () => undefined);
  const talk = new Talk(server, () => ({ ...NO_PREFERENCES, ...preferences }), calls as unknown as TalkHooks);
  return { talk, ...calls };
}

/** A talk whose chosen microphone cannot be opened, and what it asked for. */
function talkWith(microphone: string, code: "microphone_missing" | "microphone_denied") {
  const { talk, failed } = talkOf({ microphone });
  const startMicrophone = vi.fn(async (options?: { deviceId?: string }) => {
    if (options?.deviceId !== undefined) throw new VoiceError(code);
  });
  talk.client = { state: "connected", microphone: { state: "on" }, startMicrophone } as unknown as VoiceClient;
  return { talk, failed, startMicrophone };
}

/** Have the client of a talk say something. */
function say(talk: Talk, type: string, detail: object): void {
  talk.client.dispatchEvent(new CustomEvent(type, { detail: { type, seq: 0, ...detail } }));
}

test("where the chosen microphone is gone, any serves", async () => {
  const { talk, failed, startMicrophone } = talkWith("gone", "microphone_missing");
  expect(await talk.startMicrophone()).toBe(true);
  expect(startMicrophone.mock.calls).toEqual([[{ deviceId: "gone" }], []]);
  expect(failed).not.toHaveBeenCalled();
});

test("where it is denied, no other is asked for", async () => {
  const { talk, failed, startMicrophone } = talkWith("chosen", "microphone_denied");
  expect(await talk.startMicrophone()).toBe(false);
  expect(startMicrophone).toHaveBeenCalledTimes(1);
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "microphone_denied" }));
});

test("a microphone that went with the connection comes back with it, one that was turned off does not", async () => {
  const { talk } = talkOf();
  const microphone = { state: "off" };
  const startMicrophone = vi.fn(async () => {
    microphone.state = "on";
  });
  const stopMicrophone = vi.fn(() => {
    microphone.state = "off";
  });
  talk.client = { state: "connected", microphone, startMicrophone, stopMicrophone } as unknown as VoiceClient;
  await talk.goOn();
  expect(startMicrophone).not.toHaveBeenCalled();
  await talk.toggleMicrophone();
  stopMicrophone(); // the client, as its connection ends
  await talk.goOn();
  expect(startMicrophone).toHaveBeenCalledTimes(2);
  await talk.toggleMicrophone();
  await talk.goOn();
  expect(startMicrophone).toHaveBeenCalledTimes(2);
});

test("a microphone that was turned on while the server was away is on once it is back", async () => {
  const { talk } = talkOf();
  const connect = vi.fn().mockRejectedValueOnce(new VoiceError("unreachable"));
  const microphone = { state: "off" };
  const startMicrophone = vi.fn(async () => {
    microphone.state = "on";
  });
  talk.client = { state: "idle", microphone, connect, startMicrophone } as unknown as VoiceClient;
  expect(await talk.startMicrophone()).toBe(false);
  microphone.state = "off"; // the client, as there is no connection
  await talk.goOn();
  expect(startMicrophone).toHaveBeenCalledTimes(2);
});

test("replies are heard where it was chosen, from the first connection on", async () => {
  const { talk } = talkOf({ speaker: "headset" });
  const useSpeaker = vi.fn(async () => {
    throw new DOMException("gone", "NotFoundError"); // and where it is gone, elsewhere
  });
  talk.client = { state: "idle", connect: vi.fn(), useSpeaker } as unknown as VoiceClient;
  expect(await talk.connect()).toBe(true);
  expect(useSpeaker).toHaveBeenCalledWith("headset");
});

test("a speaker that is chosen and cannot be used is told, one that is remembered is not", async () => {
  const { talk, failed, well } = talkOf({ speaker: "gone" });
  const useSpeaker = vi.fn().mockRejectedValue(new VoiceError("speaker_unavailable"));
  talk.client = { state: "connected", speakerState: "on", useSpeaker } as unknown as VoiceClient;
  await talk.useSpeaker();
  expect(failed).not.toHaveBeenCalled();
  expect(await talk.chooseSpeaker("withheld")).toBe(false);
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "speaker_unavailable" }));
  useSpeaker.mockResolvedValue(undefined);
  expect(await talk.chooseSpeaker("headset")).toBe(true);
  expect(useSpeaker).toHaveBeenLastCalledWith("headset");
  expect(well).toHaveBeenCalledWith("sound");
});

describe("hold to talk", () => {
  function holding() {
    const { talk } = talkOf({ pushToTalk: true });
    const client = {
      pushToTalk: true,
      muted: false,
      microphone: { state: "on" },
      startTalking: vi.fn(),
      stopTalking: vi.fn(async () => undefined),
      disconnect: vi.fn(async () => undefined),
    };
    talk.client = client as unknown as VoiceClient;
    return { talk, client };
  }

  test("letting go ends the turn", async () => {
    const { talk, client } = holding();
    await talk.press();
    expect(client.startTalking).toHaveBeenCalledOnce();
    await talk.release();
    expect(client.stopTalking).toHaveBeenCalledOnce();
  });

  test("turned off while it is held: letting go leaves the microphone on", async () => {
    const { talk, client } = holding();
    await talk.press();
    client.pushToTalk = false;
    await talk.release();
    expect(client.stopTalking).not.toHaveBeenCalled();
  });

  test("a conversation that begins meanwhile is not held", async () => {
    const { talk } = holding();
    await talk.press();
    await talk.anew();
    expect(talk.held).toBe(false);
  });
});

describe("what is typed while the connection is lost", () => {
  /** A talk whose connection is lost, and what takes it elsewhere. */
  function lost() {
    const { talk, changed } = talkOf();
    const { client } = talk;
    const state = vi.spyOn(client, "state", "get").mockReturnValue("reconnecting");
    vi.spyOn(client, "connect").mockResolvedValue();
    const sendText = vi.spyOn(client, "sendText").mockReturnValue();
    const becomes = (next: "connected" | "idle") => {
      state.mockReturnValue(next);
      client.dispatchEvent(new CustomEvent("state", { detail: { state: next, previous: "reconnecting" } }));
    };
    return { talk, changed, sendText, becomes };
  }

  test("is seen, and sent in order once it is back", async () => {
    const { talk, changed, sendText, becomes } = lost();
    const typed = Promise.all([talk.type("Are you there?"), talk.type("Hello?")]);
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2));
    const waiting = changed.mock.calls.map(([[change]]) => change);
    expect(waiting).toMatchObject([
      { type: "put", item: { kind: "turn", stable: "Are you there?", settled: false } },
      { type: "put", item: { kind: "turn", stable: "Hello?", settled: false } },
    ]);
    expect(sendText).not.toHaveBeenCalled();
    becomes("connected");
    expect(await typed).toEqual([true, true]);
    expect(sendText.mock.calls).toEqual([["Are you there?"], ["Hello?"]]);
    const dropped = changed.mock.calls.slice(2).map(([[change]]) => change);
    expect(dropped).toEqual(waiting.map(({ item }) => ({ type: "drop", item })));
  });

  test("is seen from the first connection on, and no more where that fails", async () => {
    const { talk, changed } = talkOf();
    vi.spyOn(talk.client, "connect").mockRejectedValue(new VoiceError("unreachable"));
    const typed = talk.type("Are you there?");
    expect(changed.mock.calls).toMatchObject([[[{ type: "put", item: { stable: "Are you there?", settled: false } }]]]);
    expect(await typed).toBe(false);
    expect(changed.mock.calls.slice(1)).toMatchObject([[[{ type: "drop", item: { stable: "Are you there?" } }]]]);
  });

  test.each(["given up", "left"])("is given back where the conversation is %s", async (how) => {
    const { talk, changed, sendText, becomes } = lost();
    const typed = talk.type("Are you there?");
    await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce());
    if (how === "left") void talk.anew();
    becomes("idle");
    expect(await typed).toBe(false);
    expect(sendText).not.toHaveBeenCalled();
  });
});

test("how long a text may be is what the server says", () => {
  const { talk } = talkOf();
  expect(talk.maxTextBytes).toBe(65_536);
  say(talk, "ready", { conversation: "cv_1", limits: { text_bytes: 2048 } });
  expect(talk.maxTextBytes).toBe(2048);
});

test("told to a screen reader: what was understood or came from others, and replies without a sound", async () => {
  const { talk, announce } = talkOf();
  vi.spyOn(talk.client, "state", "get").mockReturnValue("connected");
  vi.spyOn(talk.client, "sendText").mockReturnValue();
  const told = () => announce.mock.calls.splice(0).flat();
  say(talk, "turn.end", { turn: 1, text: "go forward", cause: "silence" });
  expect(told()).toEqual(["You: go forward"]);
  await talk.type("Hello.");
  say(talk, "turn.end", { turn: 2, text: "Hello.", cause: "text" });
  expect(told()).toEqual([]);
  say(talk, "turn.end", { turn: 3, text: "From elsewhere.", cause: "text" });
  expect(told()).toEqual(["You: From elsewhere."]);
  say(talk, "reply.end", { reply: 1, text: "Unheard.", heard: "", cause: "complete" });
  expect(told()).toEqual(["Reply: Unheard."]);
  vi.spyOn(talk.client, "speakerState", "get").mockReturnValue("on");
  say(talk, "audio", { reply: 2 });
  say(talk, "reply.end", { reply: 2, text: "Heard.", heard: "Heard.", cause: "complete" });
  expect(told()).toEqual([]);
});
