import { type VoiceClient, VoiceError } from "@voicesrv/web";
import { expect, test, vi } from "vitest";
import { Server } from "../../src/shared/server.js";
import { NO_PREFERENCES } from "../../src/talk/choices.js";
import { Talk, type TalkHooks } from "../../src/talk/talk.js";

/** A talk whose chosen microphone cannot be opened, and what it asked for. */
function talkWith(microphone: string, code: "microphone_missing" | "microphone_denied") {
  const failed = vi.fn();
  const hooks = { failed, moved: vi.fn() } as unknown as TalkHooks;
  const server = new Server(new URL("https://voice.test/"), () => undefined);
  const talk = new Talk(server, () => ({ ...NO_PREFERENCES, microphone }), hooks);
  const startMicrophone = vi.fn(async (options?: { deviceId?: string }) => {
    if (options?.deviceId !== undefined) throw new VoiceError(code);
  });
  talk.client = { state: "connected", startMicrophone } as unknown as VoiceClient;
  return { talk, failed, startMicrophone };
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
