import { VoiceError } from "@voicesrv/web";
import { describe, expect, test } from "vitest";
import { Conversation, type Standing, stateOf } from "../src/conversation.js";
import { FakeClient } from "./fake-client.js";

describe("how it stands", () => {
  const calm: Standing = { client: "idle", phase: "off", isStarting: false, hasProblem: false };

  test.each<[Partial<Standing>, string]>([
    [{}, "off"],
    [{ isStarting: true }, "connecting"],
    [{ client: "connecting" }, "connecting"],
    [{ client: "connected" }, "connecting"], // it has not said ready yet
    [{ client: "connected", phase: "listening" }, "listening"],
    [{ client: "connected", phase: "listening", isStarting: true }, "listening"], // the microphone is asked for
    [{ client: "connected", phase: "hearing" }, "hearing"],
    [{ client: "connected", phase: "thinking" }, "thinking"],
    [{ client: "connected", phase: "speaking" }, "speaking"],
    [{ client: "reconnecting", phase: "speaking" }, "connecting"],
    [{ client: "connected", phase: "listening", hasProblem: true }, "problem"],
    [{ hasProblem: true }, "problem"],
    [{ hasProblem: true, client: "reconnecting" }, "connecting"],
  ])("%j is %s", (standing, state) => {
    expect(stateOf({ ...calm, ...standing })).toBe(state);
  });
});

/** A conversation with a client, and the states it went through. */
function make() {
  const client = new FakeClient();
  const states: string[] = [];
  const errors: string[] = [];
  const conversation: Conversation = new Conversation(() => {
    if (states.at(-1) !== conversation.state) states.push(conversation.state);
  });
  conversation.use(client.real, (used, signal) =>
    used.addEventListener("error", ({ detail }) => errors.push(detail.code), { signal }),
  );
  return { client, conversation, states, errors };
}

describe("a start", () => {
  test("connects and opens the microphone", async () => {
    const { client, conversation, states } = make();
    await conversation.start({ deviceId: "one" });
    expect(states).toEqual(["connecting", "listening"]);
    expect(client.calls).toEqual([["connect"], ["startMicrophone", { deviceId: "one" }]]);
    expect(conversation.isOn).toBe(true);
  });

  test("without a microphone leaves it alone", async () => {
    const { client, conversation } = make();
    await conversation.start(null);
    expect(client.calls).toEqual([["connect"]]);
  });

  test("that fails is a problem until the next try", async () => {
    const { client, conversation, states, errors } = make();
    client.connectError = new VoiceError("unreachable");
    await expect(conversation.start(null)).rejects.toThrow("does not answer");
    expect(conversation).toMatchObject({ state: "problem", isOn: false });
    client.connectError = null;
    await conversation.start(null);
    expect(states).toEqual(["connecting", "problem", "connecting", "listening"]);
    expect(errors).toEqual(["unreachable"]);
    expect(conversation.problem).toBeNull();
  });

  test("with an address that is none says so in a sentence", async () => {
    const { client, conversation } = make();
    client.connectError = new TypeError("Invalid URL");
    await expect(conversation.start(null)).rejects.toMatchObject({
      code: "unreachable",
      detail: "TypeError: Invalid URL",
    });
  });

  test("without a microphone that may be used stays connected, and asks again", async () => {
    const { client, conversation } = make();
    client.microphoneError = new VoiceError("microphone_denied");
    await expect(conversation.start({})).rejects.toThrow("not allowed");
    expect(conversation).toMatchObject({ state: "problem", isOn: true, lacksMicrophone: true });
    client.turnTo("speaking"); // it can still speak, and what is wrong still is
    expect(conversation.problem?.code).toBe("microphone_denied");
    client.microphoneError = null;
    await conversation.start({});
    expect(conversation).toMatchObject({ state: "speaking", problem: null });
  });

  test("that is stopped ends quietly, however it would have ended", async () => {
    const { client, conversation, errors } = make();
    let open = (): void => undefined;
    client.gate = new Promise((resolve) => {
      open = resolve;
    });
    client.connectError = new VoiceError("closed");
    const starting = conversation.start({});
    await Promise.resolve();
    await conversation.stop();
    open();
    await starting;
    expect(conversation).toMatchObject({ state: "off", problem: null, isOn: false });
    expect(errors).toEqual([]);
    expect(client.calls).toEqual([["connect"], ["disconnect"]]);
  });

  test("waits for a stop under way", async () => {
    const { client, conversation } = make();
    await conversation.start(null);
    const stopping = conversation.stop();
    await conversation.start(null);
    await stopping;
    expect(client.calls).toEqual([["connect"], ["disconnect"], ["connect"]]);
    expect(conversation.state).toBe("listening");
  });

  test("needs a client", async () => {
    await expect(new Conversation(() => undefined).start(null)).rejects.toMatchObject({ code: "not_connected" });
  });
});

describe("what goes wrong on the way", () => {
  test("is past when the conversation goes on", async () => {
    const { client, conversation } = make();
    await conversation.start(null);
    client.tell("error", new VoiceError("engine_failed"));
    expect(conversation).toMatchObject({ state: "problem", lacksMicrophone: false });
    client.turnTo("thinking"); // of what was typed
    expect(conversation.state).toBe("thinking");
  });

  test("a setting that was refused is past when another one is taken", async () => {
    const { client, conversation, states } = make();
    await conversation.start(null);
    client.tell("error", new VoiceError("not_found", "agent: no such agent"));
    client.tell("configured", { settings: {} });
    expect(states.slice(1)).toEqual(["listening", "problem", "listening"]);
  });

  test("is past when it is forgiven", async () => {
    const { client, conversation, states } = make();
    client.connectError = new VoiceError("not_found");
    await expect(conversation.start(null)).rejects.toThrow();
    conversation.forgive();
    expect(states.slice(1)).toEqual(["problem", "off"]);
  });

  test("a full server is past when there is room", () => {
    const { client, conversation } = make();
    client.enter("reconnecting");
    client.tell("error", new VoiceError("overloaded"));
    expect(conversation).toMatchObject({ state: "connecting", problem: { code: "overloaded" } });
    client.enter("connected");
    expect(conversation).toMatchObject({ state: "listening", problem: null });
  });

  test("a microphone that was unplugged is past when it is plugged in again, and not before", async () => {
    const { client, conversation } = make();
    await conversation.start({});
    client.hear("lost");
    client.tell("error", new VoiceError("microphone_lost"));
    client.enter("reconnecting");
    client.enter("connected");
    expect(conversation.state).toBe("problem");
    client.hear("on");
    expect(conversation.state).toBe("listening");
  });

  test("the end of a conversation stays on the page", () => {
    const { client, conversation } = make();
    client.enter("connected");
    client.enter("idle");
    client.tell("error", new VoiceError("superseded", "", { fatal: true }));
    expect(conversation).toMatchObject({ state: "problem", isOn: false });
  });
});

test("a client that was let go is not heard any more", () => {
  const { client, conversation, errors } = make();
  conversation.use(null, () => undefined);
  client.tell("error", new VoiceError("internal"));
  expect(conversation.problem).toBeNull();
  expect(errors).toEqual([]);
});
