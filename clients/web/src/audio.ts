/** What microphone and speaker share: contexts, and how a worklet's file is found. */

import { VoiceError } from "./errors.js";

export type WorkletName = "microphone" | "speaker";

/** Where a worklet's file is; for bundlers that do not follow `new URL(…, import.meta.url)`. */
export type WorkletUrl = ((name: WorkletName) => string | URL) | undefined;

/**
 * Files beside this one, so that a strict Content-Security-Policy (`script-src 'self'`) lets them in, which it would
 * not do with blob: or data: addresses. Vite makes a data: address of a small file unless it reads no-inline; it is to
 * leave these alone when it builds this library, and to follow them in what was built.
 */
const URLS: Record<WorkletName, () => URL> = {
  microphone: () => new URL(/* @vite-ignore */ "./worklets/microphone.js?no-inline", import.meta.url),
  speaker: () => new URL(/* @vite-ignore */ "./worklets/speaker.js?no-inline", import.meta.url),
};

/**
 * Make a context.
 *
 * @param sampleRate Hz; undefined for the device's own.
 * @throws {VoiceError} `audio`: the browser has none, or none with worklets.
 */
export function context(sampleRate?: number): AudioContext {
  try {
    const made = new AudioContext({ latencyHint: "interactive", ...(sampleRate === undefined ? {} : { sampleRate }) });
    if (made.audioWorklet !== undefined) return made;
    void made.close();
  } catch (cause) {
    throw new VoiceError("audio", String(cause), { cause });
  }
  // They are hidden from pages that are not secure.
  throw new VoiceError(globalThis.isSecureContext ? "audio" : "insecure_context", "no AudioWorklet");
}

/** @throws {VoiceError} `audio`: the file cannot be loaded. */
export async function loadWorklet(into: AudioContext, name: WorkletName, workletUrl: WorkletUrl): Promise<void> {
  const url = workletUrl?.(name) ?? URLS[name]();
  await into.audioWorklet.addModule(url).catch((cause) => {
    throw new VoiceError("audio", `${url}: ${cause}`, { cause });
  });
}

const WAKING = ["pointerdown", "keydown", "touchend"] as const;
/* What browsers take for a wish to hear something, or to be heard. */

/**
 * Have a context run: now where the browser lets it, else with the next gesture, and again whenever it was stopped.
 *
 * @returns what ends it.
 */
export function keepAwake(asleep: AudioContext): () => void {
  const wake = (): void => {
    // Not awaited: it settles only when the browser allows it. Refused, it was no gesture after all.
    if (asleep.state !== "running") asleep.resume().catch(() => undefined);
  };
  wake();
  for (const gesture of WAKING) globalThis.addEventListener(gesture, wake, { capture: true });
  return () => {
    for (const gesture of WAKING) globalThis.removeEventListener(gesture, wake, { capture: true });
  };
}
