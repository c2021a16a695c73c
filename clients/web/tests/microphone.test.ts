import { afterEach, describe, expect, test, vi } from "vitest";
import { Microphone, microphones } from "../src/microphone.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

const hooks = { heard: () => undefined, silenced: () => undefined, lost: () => undefined };

test.each([
  ["NotAllowedError", "microphone_denied"],
  ["SecurityError", "microphone_denied"],
  ["NotFoundError", "microphone_missing"],
  ["OverconstrainedError", "microphone_missing"],
  ["NotReadableError", "microphone_busy"],
  ["AbortError", "microphone_busy"],
])("%s of the browser is %s, with a sentence for people", async (name, code) => {
  const getUserMedia = () => Promise.reject(new DOMException("no", name));
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
  await expect(Microphone.open({}, hooks, undefined)).rejects.toMatchObject({
    code,
    detail: `${name}: no`,
    message: expect.stringMatching(/^The microphone|^No microphone/),
  });
});

describe("denied within another page", () => {
  /** What it is told where the browser refuses. @param parts of the frame it is in. */
  async function told(parts: {
    frameElement: object | null;
    featurePolicy?: object;
    isTop?: boolean;
  }): Promise<string> {
    const getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
    const page = { frameElement: parts.frameElement };
    vi.stubGlobal("window", Object.assign(page, { parent: parts.isTop ? page : {} }));
    vi.stubGlobal("document", { featurePolicy: parts.featurePolicy });
    return Microphone.open({}, hooks, undefined).catch(({ code }) => code);
  }
  const policy = (allows: boolean) => ({ allowsFeature: (name: string) => name === "microphone" && allows });

  test.each([
    ["that does not let it through, as Chromium tells", { frameElement: null, featurePolicy: policy(false) }],
    ["of another origin, where nothing is told", { frameElement: null }],
  ])("%s: that one withholds it", async (_, parts) => {
    expect(await told(parts)).toBe("microphone_withheld");
  });

  test.each([
    ["that lets it through", { frameElement: null, featurePolicy: policy(true) }],
    ["of its own origin", { frameElement: {} }],
    ["that is none", { frameElement: null, featurePolicy: policy(false), isTop: true }],
  ])("%s: the person denied it", async (_, parts) => {
    expect(await told(parts)).toBe("microphone_denied");
  });
});

test("a page that is not secure is told what to do", async () => {
  vi.stubGlobal("navigator", {});
  await expect(microphones()).rejects.toMatchObject({ code: "insecure_context", message: /https/ });
  await expect(Microphone.open({}, hooks, undefined)).rejects.toMatchObject({ code: "insecure_context" });
});

test("asks for one channel without echo, noise and level changes, unless told otherwise", async () => {
  const getUserMedia = vi.fn(() => Promise.reject(new DOMException("no", "NotFoundError")));
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
  await Microphone.open({ deviceId: "a", echoCancellation: false }, hooks, undefined).catch(() => undefined);
  expect(getUserMedia).toHaveBeenCalledWith({
    audio: {
      channelCount: 1,
      echoCancellation: false,
      noiseSuppression: true,
      autoGainControl: true,
      deviceId: { exact: "a" },
    },
  });
});

test("what is undefined stands in the way of no default, and the nameless device is the browser's choice", async () => {
  const getUserMedia = vi.fn(() => Promise.reject(new DOMException("no", "NotFoundError")));
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
  await Microphone.open({ deviceId: "", echoCancellation: undefined }, hooks, undefined).catch(() => undefined);
  const usual = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  expect(getUserMedia).toHaveBeenCalledWith({ audio: { channelCount: 1, ...usual } });
});

test("lists microphones alone", async () => {
  const enumerateDevices = async () => [{ kind: "audiooutput" }, { kind: "audioinput", deviceId: "a" }];
  vi.stubGlobal("navigator", { mediaDevices: { enumerateDevices } });
  expect(await microphones()).toEqual([{ kind: "audioinput", deviceId: "a" }]);
});

test("lets the device go where audio cannot be had", async () => {
  const track = { stop: vi.fn(), getSettings: () => ({}) };
  const stream = { getTracks: () => [track], getAudioTracks: () => [track] };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: async () => stream } });
  await expect(Microphone.open({}, hooks, undefined)).rejects.toMatchObject({ code: "audio" }); // no AudioContext here
  expect(track.stop).toHaveBeenCalled();
});

/** As much of Web Audio as a microphone touches. */
function audio() {
  const ports: { postMessage(command: string): void; onmessage: ((event: { data: object }) => void) | null }[] = [];
  const stopped = vi.fn();
  const track = {
    ...{ stop: stopped, enabled: true, muted: false, label: "Fake", getSettings: () => ({}), onended: null },
    onmute: null as (() => void) | null,
    onunmute: null as (() => void) | null,
  };
  const stream = { getTracks: () => [track], getAudioTracks: () => [track] };
  const node = { connect: (to: unknown) => to };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia: async () => stream } });
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("removeEventListener", () => undefined);
  vi.stubGlobal(
    "AudioContext",
    class {
      state = "running";
      destination = {};
      audioWorklet = { addModule: async () => undefined };
      createMediaStreamSource = () => node;
      resume = async () => undefined;
      close = async () => undefined;
    },
  );
  vi.stubGlobal(
    "AudioWorkletNode",
    class {
      port = { postMessage: () => undefined, onmessage: null };
      connect = (to: unknown) => to;
      constructor() {
        ports.push(this.port);
      }
    },
  );
  const answer = (length = 0) =>
    ports[0]?.onmessage?.({ data: { samples: new Int16Array(length), atMs: 0, flushed: true } });
  return { answer, stopped, track };
}

test("each flush is answered, also where one follows another, and what it gives is heard first", async () => {
  const { answer } = audio();
  const told: string[] = [];
  const microphone = await Microphone.open({}, { ...hooks, heard: () => told.push("heard") }, undefined);
  const flushes = [1, 2].map((n) => microphone.flush().then(() => told.push(`flushed ${n}`)));
  answer(7);
  await flushes[0];
  answer();
  await Promise.all(flushes);
  expect(told).toEqual(["heard", "flushed 1", "flushed 2"]);
});

test("what the system silences is told, and when it is heard again", async () => {
  const { track } = audio();
  const told: boolean[] = [];
  const silenced = () => told.push(microphone.silenced);
  const microphone = await Microphone.open({}, { ...hooks, silenced }, undefined);
  const mute = (muted: boolean) => {
    track.muted = muted;
    track[muted ? "onmute" : "onunmute"]?.();
  };
  mute(true);
  mute(false);
  microphone.close();
  mute(true);
  expect(told).toEqual([true, false]);
});

test("a flush does not wait for an audio thread that stands still, nor for one that is gone", async () => {
  vi.useFakeTimers();
  audio();
  const microphone = await Microphone.open({}, hooks, undefined);
  const late = microphone.flush();
  await vi.advanceTimersByTimeAsync(200);
  await late;
  const gone = microphone.flush();
  microphone.close();
  await gone;
  vi.useRealTimers();
});
