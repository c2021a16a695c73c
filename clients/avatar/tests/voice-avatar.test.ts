// @vitest-environment happy-dom
import { readFileSync } from "node:fs";
import { VoiceClient, VoiceError } from "@voicesrv/web";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import "../src/index.js";
import type { Pose, Renderer, VoiceAvatarElement } from "../src/index.js";
import { FakeClient } from "./fake-client.js";

const README = readFileSync(`${import.meta.dirname}/../README.md`, "utf8");

let frames: FrameRequestCallback[];
let made: VoiceAvatarElement[];

beforeEach(() => {
  frames = [];
  made = [];
  vi.spyOn(document, "defaultView", "get").mockReturnValue(window); // where the stubs are
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => frames.push(callback));
  vi.stubGlobal("cancelAnimationFrame", () => undefined);
});
afterEach(() => {
  for (const avatar of made) avatar.remove();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function frame(): void {
  for (const callback of frames.splice(0)) callback(performance.now());
}

/** An element on the page, from markup as a page has it. */
function element(attributes = ""): VoiceAvatarElement {
  document.body.innerHTML = `<voice-avatar ${attributes}></voice-avatar>`;
  const avatar = document.body.firstElementChild as VoiceAvatarElement;
  made.push(avatar);
  return avatar;
}

/** An element with a client that does what the test says, and what it told. */
function scripted(attributes = "") {
  const avatar = element(attributes);
  const client = new FakeClient();
  avatar.client = client.real;
  const told: [string, unknown][] = [];
  for (const type of ["state", "transcript", "turn", "reply", "toolcall", "error"] as const) {
    avatar.addEventListener(type, ({ detail }: CustomEvent) => told.push([type, detail]));
  }
  return { avatar, client, told };
}

const part = (avatar: VoiceAvatarElement, name: string) =>
  avatar.shadowRoot?.querySelector(`[part~="${name}"]`) as HTMLElement;

const PROPERTIES = ["token", "settings", "microphoneOptions", "workletUrl", "session", "labels"] as const;

describe("attributes and properties", () => {
  test.each(["src", "agent", "voice", "language", "theme"] as const)("%s is one and the same", (name) => {
    const avatar = element(`${name}="one"`);
    expect(avatar[name]).toBe("one");
    avatar[name] = "two";
    expect(avatar.getAttribute(name)).toBe("two");
    avatar[name] = null;
    expect(avatar.hasAttribute(name)).toBe(false);
    avatar[name] = "three";
    avatar[name] = undefined; // as frameworks set what is left out
    expect(avatar.hasAttribute(name)).toBe(false);
  });

  test.each([
    ["pushToTalk", "push-to-talk"],
    ["captions", "captions"],
    ["muted", "muted"],
    ["noMicrophone", "no-microphone"],
    ["faceOnly", "face-only"],
  ] as const)("%s is the switch %s", (property, attribute) => {
    const avatar = element(attribute);
    expect(avatar[property]).toBe(true);
    avatar[property] = false;
    expect(avatar.hasAttribute(attribute)).toBe(false);
    avatar[property] = true;
    expect(avatar.hasAttribute(attribute)).toBe(true);
    for (const nothing of [null, undefined, undefined]) {
      avatar[property] = nothing;
      expect(avatar.hasAttribute(attribute)).toBe(false);
    }
  });

  test.each([
    ["0", 0],
    ["0.5", 0.5],
    ["2", 1],
    ["-1", 0],
    ["loud", 1],
    ["", 1],
  ])("a volume of %j is %d", (text, volume) => {
    expect(element(`volume="${text}"`).volume).toBe(volume);
  });

  test("a volume is the attribute", () => {
    const avatar = element();
    expect(avatar.volume).toBe(1);
    avatar.volume = 0.5;
    expect(avatar.getAttribute("volume")).toBe("0.5");
    avatar.volume = undefined;
    expect(avatar.hasAttribute("volume")).toBe(false);
  });

  test("a token that is a function does not show in the page, and goes before the attribute", () => {
    const avatar = element('token="shown"');
    expect(avatar.token).toBe("shown");
    const token = () => "hidden";
    avatar.token = token;
    expect(avatar.token).toBe(token);
    expect(avatar.outerHTML).not.toContain("hidden");
  });

  test("what is left out again is as at first", () => {
    const avatar = element('token="shown"');
    const first = Object.fromEntries(PROPERTIES.map((name) => [name, avatar[name]]));
    Object.assign(avatar, {
      token: "hidden",
      settings: { llm: "echo" },
      microphoneOptions: { deviceId: "one" },
      workletUrl: "/w.js",
      session: {},
      labels: { start: "Los" },
    });
    for (const name of PROPERTIES) expect(avatar[name], name).not.toEqual(first[name]);
    for (const nothing of [null, undefined]) {
      Object.assign(avatar, Object.fromEntries(PROPERTIES.map((name) => [name, nothing])));
      expect(Object.fromEntries(PROPERTIES.map((name) => [name, avatar[name]]))).toEqual(first);
    }
  });

  test("labels are replaced one by one, and all at once by none", () => {
    const avatar = element();
    avatar.labels = { states: { off: "Bereit" } };
    expect(part(avatar, "status").textContent).toBe("Bereit");
    expect(avatar.labels.start).toBe("Start talking");
    avatar.labels = {};
    expect(part(avatar, "status").textContent).toBe("Ready when you are");
  });
});

describe("a client of its own", () => {
  function started(attributes: string) {
    const connect = vi.spyOn(VoiceClient.prototype, "connect").mockResolvedValue();
    const avatar = element(`no-microphone ${attributes}`);
    const configure = vi.spyOn(VoiceClient.prototype, "configure");
    return { avatar, connect, configure };
  }

  /** As `started`, and connected. */
  async function connected(attributes: string) {
    const { avatar, configure } = started(attributes);
    await avatar.start();
    vi.spyOn(VoiceClient.prototype, "state", "get").mockReturnValue("connected");
    const tell = (type: string, detail: object) => avatar.client?.dispatchEvent(new CustomEvent(type, { detail }));
    return { avatar, configure, tell };
  }

  test("is made at the first start, and told before it connects", async () => {
    const { avatar, connect } = started('src="https://v.example"');
    const clients: VoiceClient[] = [];
    avatar.addEventListener("client", ({ detail }) => {
      expect(connect).not.toHaveBeenCalled();
      clients.push(detail);
    });
    expect(avatar.client).toBeNull();
    await avatar.start();
    expect(clients).toEqual([avatar.client]);
    expect(avatar.client).toBeInstanceOf(VoiceClient);
    expect(connect).toHaveBeenCalledOnce();
  });

  test("is told of attributes and settings that change", async () => {
    const { avatar, configure } = await connected('agent="guide"');
    avatar.agent = "cook";
    avatar.language = "de";
    avatar.settings = { instructions: "Be brief." };
    expect(configure).not.toHaveBeenCalled();
    await Promise.resolve();
    expect(configure.mock.calls).toEqual([[{ agent: "cook", language: "de", instructions: "Be brief." }]]);
    avatar.theme = "dark";
    avatar.settings = { instructions: "Be brief." }; // the same, as frameworks set it
    await Promise.resolve();
    expect(configure).toHaveBeenCalledOnce();
  });

  test("goes back to the server's choice where an attribute is taken away", async () => {
    const { avatar, configure } = await connected('agent="guide"');
    avatar.language = "fr";
    await Promise.resolve();
    avatar.removeAttribute("agent");
    avatar.removeAttribute("language");
    await Promise.resolve();
    expect(configure.mock.calls).toEqual([[{ language: "fr" }], [{ agent: null, language: null }]]);
  });

  test("is told again what was refused together with something else", async () => {
    const { avatar, configure, tell } = await connected("");
    avatar.agent = "nobody";
    avatar.voice = "anna";
    await Promise.resolve();
    const refused = { agent: "nobody", voice: "anna" };
    tell("error", new VoiceError("not_found", "no such agent", { refused }));
    expect(avatar.shadowRoot?.textContent).toContain("no such agent");
    avatar.agent = "guide";
    await Promise.resolve();
    expect(configure).toHaveBeenLastCalledWith({ agent: "guide", voice: "anna" });
    tell("configured", { settings: {} });
    expect(avatar.shadowRoot?.textContent).not.toContain("no such agent");
    avatar.agent = "cook";
    await Promise.resolve();
    expect(configure).toHaveBeenLastCalledWith({ agent: "cook" });
  });

  test("leaves a problem that was with what is not asked for any more", async () => {
    const { avatar, connect } = started('agent="nobody"');
    connect.mockRejectedValueOnce(new VoiceError("not_found", "no such agent"));
    await expect(avatar.start()).rejects.toThrow("no such agent");
    expect(avatar.state).toBe("problem");
    avatar.theme = "dark"; // which it was not
    expect(avatar.state).toBe("problem");
    avatar.agent = "guide";
    expect(avatar.state).toBe("off");
  });

  test("is muted with the element, and with push to talk but while the button is held", async () => {
    const { avatar } = started("muted");
    await avatar.start();
    expect(avatar.client?.muted).toBe(true);
    avatar.muted = false;
    expect(avatar.client?.muted).toBe(false);
    avatar.pushToTalk = true;
    expect(avatar.client).toMatchObject({ pushToTalk: true, muted: true });
    avatar.startTalking();
    expect(avatar.client?.muted).toBe(false);
    avatar.muted = true;
    expect(avatar.client?.muted).toBe(true);
    avatar.startTalking();
    expect(avatar.client?.muted).toBe(true);
  });

  test("is as loud as is wished, from the start and from then on", async () => {
    const { avatar } = started('volume="0.5"');
    await avatar.start();
    expect(avatar.client?.volume).toBe(0.5);
    avatar.volume = 0.25;
    expect(avatar.client?.volume).toBe(0.25);
    avatar.volume = null;
    expect(avatar.client?.volume).toBe(1);
  });

  test("listens to another microphone as soon as it is wished", async () => {
    vi.spyOn(VoiceClient.prototype, "connect").mockResolvedValue();
    const startMicrophone = vi.spyOn(VoiceClient.prototype, "startMicrophone").mockResolvedValue();
    const avatar = element();
    avatar.microphoneOptions = { deviceId: "one" };
    await avatar.start();
    const microphone = { state: "on", muted: false, silenced: false, label: "", deviceId: "one" } as const;
    vi.spyOn(VoiceClient.prototype, "microphone", "get").mockReturnValue(microphone);
    avatar.microphoneOptions = { deviceId: "two" };
    avatar.microphoneOptions = null;
    expect(startMicrophone.mock.calls).toEqual([[{ deviceId: "one" }], [{ deviceId: "two" }], [{}]]);
  });

  test.each(["ftp://x", "http://"])("that cannot go to %s names it, and goes where it is right", async (src) => {
    const avatar = element(`no-microphone src="${src}"`);
    await expect(avatar.start()).rejects.toMatchObject({ name: "VoiceError" });
    expect(part(avatar, "problem").textContent).toContain(
      `${src} is no address of a server; it looks like https://voice.example.org`,
    );
    avatar.src = "https://v.example";
    expect(avatar.state).toBe("off");
    vi.spyOn(VoiceClient.prototype, "connect").mockResolvedValue();
    await avatar.start();
    expect(part(avatar, "problem").textContent).not.toContain("no address");
  });

  test("is not interrupted before it connects", async () => {
    const { avatar } = started("");
    const starting = avatar.start();
    expect(() => avatar.interrupt()).not.toThrow();
    await starting;
  });

  test("is let go of when it stops, and another one follows", async () => {
    const { avatar } = started("");
    vi.spyOn(VoiceClient.prototype, "disconnect").mockResolvedValue();
    await avatar.start();
    const first = avatar.client;
    await avatar.stop();
    expect(avatar.client).toBeNull();
    await avatar.start();
    expect(avatar.client).not.toBe(first);
  });

  test("takes up what has changed when it is tried again, and the conversation that was cut off", async () => {
    const { avatar, connect } = started('token="old"');
    connect.mockRejectedValueOnce(new VoiceError("unauthorized"));
    await expect(avatar.start()).rejects.toThrow("did not accept the key");
    const first = avatar.client;
    const session = { conversation: "c1", resume: "r1", after: 3, audio_reply: 0, audio_ms: 0 };
    vi.spyOn(first as VoiceClient, "session", "get").mockReturnValue(session);
    const disconnect = vi.spyOn(first as VoiceClient, "disconnect").mockResolvedValue();
    avatar.token = "new";
    await avatar.start();
    expect(avatar.client).not.toBe(first);
    expect(disconnect).toHaveBeenCalledOnce(); // or its speaker stayed open
    expect(avatar.client?.session).toEqual(session);
  });

  test("starts by itself where that is wished, also later", async () => {
    const { avatar, connect } = started("");
    expect(connect).not.toHaveBeenCalled();
    avatar.autostart = true;
    await vi.waitFor(() => expect(connect).toHaveBeenCalledOnce());
    element("autostart no-microphone");
    await vi.waitFor(() => expect(connect).toHaveBeenCalledTimes(2));
  });
});

test("a client of the page's own keeps its microphone", async () => {
  const { avatar, client } = scripted();
  await avatar.start();
  avatar.microphoneOptions = { deviceId: "two" };
  expect(client.calls.filter(([name]) => name === "startMicrophone")).toHaveLength(1);
});

describe("a conversation", () => {
  test("is told in events and in the attribute", async () => {
    const { avatar, client, told } = scripted();
    expect(avatar.getAttribute("state")).toBe("off");
    await avatar.start();
    client.turnTo("hearing");
    const transcript = { type: "transcript", turn: 1, text: "hel", stable: 0, words: [], seq: 1 };
    client.tell("transcript", transcript);
    client.turnTo("thinking");
    client.tell("turn.end", { type: "turn.end", turn: 1, text: "hello", seq: 2 });
    client.tell("reply.start", { type: "reply.start", reply: 1, turn: 1, seq: 3 });
    client.tell("reply.text", { type: "reply.text", reply: 1, delta: "Hi ", seq: 4 });
    client.tell("reply.text", { type: "reply.text", reply: 1, delta: "you.", seq: 5 });
    client.tell("reply.end", {
      type: "reply.end",
      reply: 1,
      text: "Hi you.",
      heard: "Hi",
      cause: "interrupted",
      seq: 6,
    });
    client.tell("tool_call", { type: "tool_call", id: "t1", name: "look", arguments: {}, reply: 1, seq: 7 });
    expect(avatar.getAttribute("state")).toBe("thinking");
    expect(told).toEqual([
      ["state", { state: "connecting", previous: "off" }],
      ["state", { state: "listening", previous: "connecting" }],
      ["state", { state: "hearing", previous: "listening" }],
      ["transcript", transcript],
      ["state", { state: "thinking", previous: "hearing" }],
      ["turn", expect.objectContaining({ text: "hello" })],
      ["reply", { reply: 1, delta: "Hi ", text: "Hi ", done: false, heard: "", cause: "" }],
      ["reply", { reply: 1, delta: "you.", text: "Hi you.", done: false, heard: "", cause: "" }],
      ["reply", { reply: 1, delta: "", text: "Hi you.", done: true, heard: "Hi", cause: "interrupted" }],
      ["toolcall", expect.objectContaining({ id: "t1", name: "look" })],
    ]);
  });

  test("is told to listeners that are objects, too", async () => {
    const { avatar } = scripted();
    const states: string[] = [];
    avatar.addEventListener("state", { handleEvent: ({ detail }) => states.push(detail.state) });
    await avatar.start();
    expect(states).toEqual(["connecting", "listening"]);
  });

  test("what goes wrong is told, shown and thrown, and can be tried again with the button", async () => {
    const { avatar, client, told } = scripted();
    client.connectError = new VoiceError("unreachable");
    await expect(avatar.start()).rejects.toThrow("does not answer");
    expect(told).toContainEqual(["state", { state: "problem", previous: "connecting" }]);
    expect(told).toContainEqual(["error", client.connectError]);
    expect(part(avatar, "problem").textContent).toContain("does not answer");
    client.connectError = null;
    part(avatar, "start-button").click();
    await vi.waitFor(() => expect(avatar.state).toBe("listening"));
    expect(part(avatar, "problem").textContent).toBe("");
  });

  test("to say something connects, without asking for the microphone", async () => {
    const { avatar, client } = scripted();
    await avatar.say("Hello.");
    await avatar.sendText("Hi.");
    avatar.interrupt();
    expect(client.calls).toEqual([["connect"], ["say", "Hello."], ["sendText", "Hi."], ["cancel"]]);
    await avatar.start();
    expect(client.calls.at(-1)).toEqual(["startMicrophone", {}]);
  });

  test.each([false, true])(
    "to say something while it stops connects again; it is started again: %s",
    async (starts) => {
      const { avatar, client } = scripted();
      await avatar.start();
      client.calls = [];
      let leave = (): void => undefined;
      client.farewell = new Promise((resolve) => {
        leave = resolve;
      });
      void avatar.stop();
      const saying = avatar.say("Again.");
      if (starts) void avatar.start();
      await Promise.resolve();
      expect(client.calls).toEqual([["disconnect"]]); // which would swallow it
      leave();
      await saying;
      expect(client.state).toBe("connected");
      expect(client.calls.filter(([name]) => name === "say")).toEqual([["say", "Again."]]);
      expect(client.calls.some(([name]) => name === "startMicrophone")).toBe(starts);
    },
  );

  test("without sound says so, and can be tried again", async () => {
    const { avatar, client } = scripted();
    await avatar.start();
    client.tell("error", new VoiceError("audio"));
    client.turnTo("speaking");
    client.turnTo("listening");
    expect(avatar.state).toBe("problem");
    part(avatar, "retry-button").click();
    await vi.waitFor(() => expect(client.calls).toContainEqual(["startSpeaker"]));
    expect(avatar.state).toBe("listening");
  });

  test("with a microphone that the system mutes says so, and keeps its buttons", async () => {
    const { avatar, client } = scripted();
    await avatar.start();
    client.microphone = { ...client.microphone, silenced: true };
    client.hear("on");
    expect(part(avatar, "status").textContent).toBe("Microphone muted by your device");
    expect(part(avatar, "mute-button").hidden).toBe(false);
    client.microphone = { ...client.microphone, silenced: false };
    client.hear("on");
    expect(part(avatar, "status").textContent).toBe("Listening");
  });

  test("a client of the page's own is used as it is, and kept", async () => {
    const { avatar, client } = scripted("push-to-talk muted");
    avatar.agent = "other";
    avatar.pushToTalk = false;
    expect(client.calls.map(([name]) => name)).not.toContain("configure");
    expect(client.calls.map(([name]) => name)).not.toContain("setPushToTalk");
    avatar.muted = false;
    client.calls = [];
    await avatar.start();
    part(avatar, "mute-button").click(); // by a person
    expect(client.calls).toContainEqual(["mute", true]);
    await avatar.stop();
    expect(avatar.client).toBe(client.real);
    expect(avatar.state).toBe("off");
  });

  test("of the page's own client goes on when the element leaves the page", async () => {
    const { avatar, client } = scripted();
    await avatar.start();
    avatar.remove();
    await Promise.resolve();
    expect(client.calls).not.toContainEqual(["disconnect"]);
    expect(avatar.client).toBe(client.real);
  });
});

describe("on the page", () => {
  test("it ends when the element leaves, and not when it is only moved", async () => {
    vi.spyOn(VoiceClient.prototype, "connect").mockResolvedValue();
    const disconnect = vi.spyOn(VoiceClient.prototype, "disconnect").mockResolvedValue();
    const avatar = element("no-microphone");
    await avatar.start();
    const place = document.createElement("div");
    document.body.append(place);
    place.append(avatar);
    await Promise.resolve();
    expect(disconnect).not.toHaveBeenCalled();
    avatar.remove();
    await vi.waitFor(() => expect(disconnect).toHaveBeenCalled());
    await vi.waitFor(() => expect(avatar.client).toBeNull());
  });

  test("it leaves nothing on the page's own client when it leaves, and takes it up when it comes again", () => {
    vi.stubGlobal(
      "AnalyserNode",
      class {
        getFloatTimeDomainData(): void {}
      },
    );
    const { avatar, client } = scripted();
    const output = { context: {}, connect: vi.fn(), disconnect: vi.fn() };
    client.output = output as unknown as GainNode;
    frame();
    avatar.remove();
    expect(output.disconnect.mock.calls).toEqual(output.connect.mock.calls);
    document.body.append(avatar);
    frame();
    expect(output.connect).toHaveBeenCalledTimes(2);
  });

  test("it starts by itself when it comes, and not when it is moved after it was ended", async () => {
    const connect = vi.spyOn(VoiceClient.prototype, "connect").mockResolvedValue();
    vi.spyOn(VoiceClient.prototype, "disconnect").mockResolvedValue();
    const avatar = element("no-microphone autostart");
    await vi.waitFor(() => expect(connect).toHaveBeenCalledOnce());
    await avatar.stop();
    document.body.append(document.createElement("p"), avatar);
    await Promise.resolve();
    expect(avatar.state).toBe("off");
    avatar.remove();
    await Promise.resolve();
    document.body.append(avatar);
    await vi.waitFor(() => expect(connect).toHaveBeenCalledTimes(2));
  });
});

describe("the face", () => {
  class Noting implements Renderer {
    poses: Pose[] = [];
    mount(stage: HTMLElement): void {
      stage.append(document.createElement("canvas"));
    }
    draw(pose: Pose): void {
      this.poses.push(pose);
    }
    unmount(): void {}
  }

  test("moves with what is heard, and shows how it stands", async () => {
    const { avatar, client } = scripted();
    const renderer = new Noting();
    avatar.renderer = renderer;
    await avatar.start();
    client.tell("ready", { type: "ready", conversation: "c1", settings: {} });
    client.tell("visemes", { reply: 4, items: [{ viseme: "ou", start_ms: 0, end_ms: 500 }] });
    client.playing = 4;
    client.played = 200;
    client.turnTo("speaking");
    frame();
    expect(renderer.poses.at(-1)).toMatchObject({ state: "speaking", visemes: { ou: 1 } });
    expect(avatar.pose).toBe(renderer.poses.at(-1));
  });

  test("may fail without the rest: it starts by itself, shows captions and hangs up", async () => {
    const told = vi.fn();
    vi.stubGlobal("reportError", told);
    vi.spyOn(VoiceClient.prototype, "connect").mockResolvedValue();
    const disconnect = vi.spyOn(VoiceClient.prototype, "disconnect").mockResolvedValue();
    const broken = document.createElement("voice-avatar");
    made.push(broken);
    const renderer = new Noting();
    renderer.mount = () => {
      throw new Error("no WebGL");
    };
    Object.assign(broken, { renderer, autostart: true, noMicrophone: true, captions: true });
    document.body.append(broken);
    await vi.waitFor(() => expect(broken.client).not.toBeNull());
    expect(broken.hasAttribute("state")).toBe(true);
    broken.client?.dispatchEvent(new CustomEvent("turn.end", { detail: { type: "turn.end", turn: 1, text: "hello" } }));
    frame();
    expect(part(broken, "stable").textContent).toBe("hello");
    const late = new Noting();
    late.unmount = () => {
      throw new Error("lost its context");
    };
    broken.renderer = late;
    broken.remove();
    await vi.waitFor(() => expect(disconnect).toHaveBeenCalled());
    expect(told.mock.calls.map(([error]) => error.message)).toEqual(["no WebGL", "lost its context"]);
  });

  test("is drawn while any of the element is in view", () => {
    const observed: unknown[] = [];
    vi.stubGlobal(
      "IntersectionObserver",
      class {
        observe(seen: unknown): void {
          observed.push(seen);
        }
        disconnect(): void {}
      },
    );
    const avatar = element();
    expect(observed).toContain(avatar);
  });

  test("is its own again where it is given none", () => {
    const avatar = element();
    avatar.renderer = new Noting();
    expect(part(avatar, "drawing")).toBeNull();
    avatar.renderer = null;
    expect(part(avatar, "drawing")).not.toBeNull();
  });
});

test("the parts are those that the README names", async () => {
  const { avatar, client } = scripted();
  const found = new Set<string>();
  const look = () => {
    for (const each of avatar.shadowRoot?.querySelectorAll("[part]") ?? []) {
      for (const name of each.getAttribute("part")?.split(" ") ?? []) found.add(name);
    }
  };
  look();
  await avatar.start();
  client.tell("error", new VoiceError("microphone_lost"));
  look();
  const [, table = ""] = /\| part \|(.*?)\n\n/s.exec(README) ?? [];
  const named = table.split("\n").flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([a-z-]+)`/g)]);
  expect(named.map(([, name]) => name).sort()).toEqual([...found].sort());
});

describe("captions", () => {
  test("are shown where they are wished, and follow the voice", async () => {
    const { avatar, client } = scripted();
    await avatar.start();
    client.tell("turn.end", { type: "turn.end", turn: 1, text: "hello" });
    client.tell("reply.start", { type: "reply.start", reply: 1, turn: 1 });
    client.tell("reply.text", { type: "reply.text", reply: 1, delta: "One two" });
    const items = [
      { text: "One", start_ms: 0, end_ms: 300 },
      { text: "two", start_ms: 300, end_ms: 600 },
    ];
    client.tell("words", { type: "words", reply: 1, items });
    client.played = 100;
    frame();
    expect(part(avatar, "captions").hidden).toBe(true);
    avatar.captions = true;
    frame();
    expect(["stable", "heard", "ahead"].map((name) => part(avatar, name).textContent)).toEqual([
      "hello",
      "One",
      " two",
    ]);
    client.tell("playing", { reply: 1, playing: false });
    frame();
    expect(part(avatar, "heard").textContent).toBe("One two");
    avatar.captions = false;
    expect(part(avatar, "captions").hidden).toBe(true);
    avatar.captions = true;
    frame();
    expect(part(avatar, "captions").hidden).toBe(false);
    client.tell("ready", { type: "ready", conversation: "another", settings: {} });
    frame();
    expect(part(avatar, "captions").hidden).toBe(true);
  });
});
