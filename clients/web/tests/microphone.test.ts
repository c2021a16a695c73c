import { afterEach, expect, test, vi } from "vitest";
import { Microphone, microphones } from "../src/microphone.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

const hooks = { heard: () => undefined, lost: () => undefined };

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
