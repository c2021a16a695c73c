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

  test("with an address that is none says so in the client's words", async () => {
    const { client, conversation } = make();
    client.connectError = new TypeError("ftp://x is no address of a server");
    await expect(conversation.start(null)).rejects.toMatchObject({
      code: "bad_parameter",
      message: "ftp://x is no address of a server",
      cause: client.connectError,
    });
  });

  test("without a microphone that may be used stays connected, and asks again", async () => {
    const { client, conversation } = make();
    client.microphoneError = new VoiceError("microphone_denied");
    await expect(conversation.start({})).rejects.toThrow("not allowed");
    expect(conversation).toMatchObject({ state: "problem", isOn: true, lacksPart: true });
    client.turnTo("speaking"); // it can still speak, and what is wrong still is
    expect(conversation.problem?.code).toBe("microphone_denied");
    client.microphoneError = null;
    await conversation.start({});
    expect(conversation).toMatchObject({ state: "speaking", problem: null });
  });

  test("with a microphone whose worklet is not found says so until it is there", async () => {
    const { client, conversation, errors } = make();
    client.microphoneError = new VoiceError("audio", "404");
    await expect(conversation.start({})).rejects.toMatchObject({ code: "audio" });
    for (const phase of ["thinking", "speaking", "listening"] as const) client.turnTo(phase); // a greeting
    expect(conversation).toMatchObject({ state: "problem", lacksPart: true, problem: { code: "audio" } });
    expect(errors).toEqual(["audio"]);
    client.microphoneError = null;
    await conversation.start({});
    expect(conversation).toMatchObject({ state: "listening", lacksPart: false });
    expect(client.calls).not.toContainEqual(["startSpeaker"]);
  });

  test("of a client that is taken away meanwhile leaves it alone", async () => {
    const { client, conversation } = make();
    const starting = conversation.start({});
    conversation.use(null, () => undefined);
    await starting;
    expect(client.calls).not.toContainEqual(["startMicrophone", {}]);
    expect(conversation).toMatchObject({ state: "off", isOn: false });
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

describe("sound that cannot be had", () => {
  /** A conversation that was told so while it connected. */
  async function silent() {
    const made = make();
    let open = (): void => undefined;
    made.client.gate = new Promise((resolve) => {
      open = resolve;
    });
    const starting = made.conversation.start(null);
    await Promise.resolve();
    await Promise.resolve();
    made.client.tell("error", new VoiceError("audio", "404"));
    open();
    await starting;
    return made;
  }

  test("is told until it is there, whatever goes on", async () => {
    const { client, conversation } = await silent();
    for (const phase of ["thinking", "speaking", "listening"] as const) client.turnTo(phase);
    client.tell("configured", { settings: {} });
    expect(conversation).toMatchObject({ state: "problem", lacksPart: true, problem: { code: "audio" } });
    client.tell("speaker", { state: "off" });
    expect(conversation.state).toBe("problem");
    client.tell("speaker", { state: "blocked" }); // until a click
    expect(conversation).toMatchObject({ state: "listening", lacksPart: false });
  });

  test("is tried again with the rest, and is no reason to go without a microphone", async () => {
    const { client, conversation, errors } = await silent();
    client.speakerError = new VoiceError("audio", "404");
    await conversation.start({});
    expect(client.calls.slice(1)).toEqual([["connect"], ["startSpeaker"], ["startMicrophone", {}]]);
    expect(conversation).toMatchObject({ state: "problem", lacksPart: true });
    expect(errors).toEqual(["audio", "audio"]);
    client.speakerError = null;
    await conversation.start({});
    expect(conversation).toMatchObject({ state: "listening", problem: null });
  });

  test("what went wrong last is what is told", async () => {
    const { client, conversation } = await silent();
    client.tell("error", new VoiceError("engine_failed"));
    expect(conversation).toMatchObject({ lacksPart: true, problem: { code: "engine_failed" } });
    client.turnTo("thinking");
    expect(conversation.problem?.code).toBe("audio");
  });
});

describe("what goes wrong on the way", () => {
  test("is past when the conversation goes on", async () => {
    const { client, conversation } = make();
    await conversation.start(null);
    client.tell("error", new VoiceError("engine_failed"));
    expect(conversation).toMatchObject({ state: "problem", lacksPart: false });
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

describe("another microphone", () => {
  const asked = (client: FakeClient) =>
    client.calls.filter(([name]) => name === "startMicrophone").map(([, how]) => how);

  /** A conversation with a microphone that is on. */
  async function listening() {
    const made = make();
    await made.conversation.start({ deviceId: "one" });
    return made;
  }

  test("takes the place of the one that is on; the same one once more changes nothing", async () => {
    const { client, conversation } = await listening();
    await conversation.switchMicrophone({ deviceId: "two" });
    await conversation.switchMicrophone({ deviceId: "two" }); // as frameworks set it
    expect(asked(client)).toEqual([{ deviceId: "one" }, { deviceId: "two" }]);
  });

  test("that cannot be had is a problem until the conversation goes on, or another one is had", async () => {
    for (const goOn of [
      ({ client }: { client: FakeClient }) => client.turnTo("hearing"),
      async ({ client, conversation }: { client: FakeClient; conversation: Conversation }) => {
        client.microphoneError = null;
        await conversation.switchMicrophone({ deviceId: "one" });
      },
    ]) {
      const made = await listening();
      const { client, conversation, errors } = made;
      client.microphoneError = new VoiceError("microphone_missing");
      await conversation.switchMicrophone({ deviceId: "gone" });
      expect(conversation).toMatchObject({ state: "problem", lacksPart: false, problem: client.microphoneError });
      expect(errors).toEqual(["microphone_missing"]);
      await goOn(made);
      expect(conversation.problem).toBeNull();
    }
  });

  test("that cannot be had, where the one before is gone too, is a part that is missing", async () => {
    const { client, conversation } = await listening();
    client.hear("lost");
    client.microphoneError = new VoiceError("microphone_missing");
    await conversation.switchMicrophone({ deviceId: "gone" });
    client.turnTo("speaking");
    expect(conversation).toMatchObject({ state: "problem", lacksPart: true });
  });

  test("that is wished while it connects is the one that is opened", async () => {
    const { client, conversation } = make();
    let open = (): void => undefined;
    client.gate = new Promise((resolve) => {
      open = resolve;
    });
    const starting = conversation.start({ deviceId: "one" });
    await conversation.switchMicrophone({ deviceId: "two" });
    open();
    await starting;
    expect(asked(client)).toEqual([{ deviceId: "two" }]);
  });

  test("is nothing to a conversation that has none, or is over, or that wants another one by now", async () => {
    const { client, conversation, errors } = make();
    await conversation.switchMicrophone({ deviceId: "one" });
    await conversation.start(null);
    await conversation.switchMicrophone({ deviceId: "one" });
    expect(asked(client)).toEqual([]);
    await conversation.start({});
    client.microphoneError = new VoiceError("microphone_missing");
    const switching = conversation.switchMicrophone({ deviceId: "gone" });
    await conversation.stop();
    await switching;
    expect(conversation).toMatchObject({ state: "off", problem: null });
    expect(errors).toEqual([]);
  });
});

describe("what is under way", () => {
  test("is waited for: a stop, and the start after it", async () => {
    const { client, conversation } = make();
    expect(await conversation.settled()).toBe(false);
    await conversation.start(null);
    expect(await conversation.settled()).toBe(true);
    void conversation.stop();
    const ended = conversation.settled();
    expect(await ended).toBe(false);
    void conversation.stop();
    const settled = conversation.settled(); // before it is started
    void conversation.start(null);
    expect(await settled).toBe(true);
    expect(client.state).toBe("connected");
  });

  test("and comes to nothing is told", async () => {
    const { client, conversation } = make();
    client.connectError = new VoiceError("unreachable");
    const starting = conversation.start(null);
    await expect(conversation.settled()).rejects.toMatchObject({ code: "unreachable" });
    await expect(starting).rejects.toMatchObject({ code: "unreachable" });
  });
});

test("a client that was let go is not heard any more", () => {
  const { client, conversation, errors } = make();
  conversation.use(null, () => undefined);
  client.tell("error", new VoiceError("internal"));
  expect(conversation.problem).toBeNull();
  expect(errors).toEqual([]);
});
