/** Capture: a microphone of any rate -> frames of 16 kHz int16. */

import { atMost } from "./at-most.js";
import { context, keepAwake, loadWorklet, type WorkletUrl } from "./audio.js";
import { VoiceError } from "./errors.js";
import { without } from "./without.js";
import type { CapturedFrame } from "./worklets/messages.js";

/** Which microphone, and what the browser does to its sound. */
export interface MicrophoneOptions {
  /** As `microphones()` lists them; left out or empty, as they have it before the microphone is allowed, the browser's choice. */
  deviceId?: string | undefined;
  /** Removes what the speakers play; true by default, as are the others. */
  echoCancellation?: boolean | undefined;
  noiseSuppression?: boolean | undefined;
  autoGainControl?: boolean | undefined;
}

/** `lost`: it was unplugged; it is taken up again when one is there. */
export type MicrophoneState = "off" | "starting" | "on" | "lost";

const FLUSH_MS = 200;
/* An answer takes one block of the audio thread, 3 ms at 44.1 kHz, and the page's own delay. */

/** What a microphone tells. */
export interface MicrophoneHooks {
  /**
   * @param frame 20 ms, or less after a flush.
   * @param atMs when its first sample was heard, on the clock of `Date.now`.
   */
  heard(frame: Int16Array, atMs: number): void;
  /** The system silences it, or lets it be heard again. */
  silenced(): void;
  /** The device is gone. */
  lost(): void;
}

/**
 * List the microphones. Their names are empty until the page was allowed to use one.
 *
 * @throws {VoiceError} `insecure_context`.
 */
export async function microphones(): Promise<MediaDeviceInfo[]> {
  const devices = await mediaDevices().enumerateDevices();
  return devices.filter((device) => device.kind === "audioinput");
}

/** One microphone that is open. */
export class Microphone {
  readonly #stream: MediaStream;
  readonly #context: AudioContext;
  readonly #node: AudioWorkletNode;
  readonly #letSleep: () => void;
  readonly #flushes: (() => void)[] = []; // that have not been answered

  private constructor(stream: MediaStream, from: AudioContext, hooks: MicrophoneHooks) {
    this.#stream = stream;
    this.#context = from;
    this.#node = new AudioWorkletNode(from, "voicesrv-microphone", {
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this.#node.port.onmessage = ({ data }: MessageEvent<CapturedFrame>) => {
      if (data.samples.length > 0) hooks.heard(data.samples, data.atMs);
      if (data.flushed) this.#flushes.shift()?.();
    };
    this.#track.onended = () => hooks.lost();
    this.#track.onmute = this.#track.onunmute = () => hooks.silenced();
    this.#letSleep = keepAwake(from);
  }

  /**
   * Ask for permission where that is needed, and listen.
   *
   * @throws {VoiceError} `insecure_context`, `microphone_denied`, `microphone_withheld`, `microphone_missing`,
   *   `microphone_busy` or `audio`.
   */
  static async open(options: MicrophoneOptions, hooks: MicrophoneHooks, workletUrl: WorkletUrl): Promise<Microphone> {
    const { deviceId, ...processing } = options;
    const audio: MediaTrackConstraints = {
      channelCount: 1,
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...without(undefined, processing),
    };
    if (deviceId) audio.deviceId = { exact: deviceId };
    const stream = await mediaDevices().getUserMedia({ audio }).catch(refuse);
    let opened: AudioContext | null = null;
    try {
      const [from, source] = sourceOf(stream);
      opened = from;
      await loadWorklet(from, "microphone", workletUrl);
      const microphone = new Microphone(stream, from, hooks);
      // The worklet is silent, but only what leads to the speakers is sure to be run.
      source.connect(microphone.#node).connect(from.destination);
      return microphone;
    } catch (cause) {
      for (const track of stream.getTracks()) track.stop();
      void opened?.close();
      throw cause instanceof VoiceError ? cause : new VoiceError("audio", String(cause), { cause });
    }
  }

  /** What the browser calls it. */
  get label(): string {
    return this.#track.label;
  }

  get deviceId(): string | undefined {
    return this.#track.getSettings().deviceId;
  }

  /** Whether the system gives silence in its place: for a phone call, or by a switch of the device. */
  get silenced(): boolean {
    return this.#track.muted;
  }

  /** A muted microphone gives silence. */
  set muted(muted: boolean) {
    this.#track.enabled = !muted;
  }

  /** Have what is gathered given now, and wait for it, but not for an audio thread that stands still. */
  async flush(): Promise<void> {
    const flushed = new Promise<void>((resolve) => this.#flushes.push(resolve));
    this.#node.port.postMessage("flush");
    await atMost(FLUSH_MS, flushed);
  }

  /** Let go of the device. */
  close(): void {
    this.#letSleep();
    this.#node.port.onmessage = null;
    for (const flushed of this.#flushes.splice(0)) flushed();
    this.#track.onended = this.#track.onmute = this.#track.onunmute = null;
    for (const track of this.#stream.getTracks()) track.stop();
    void this.#context.close();
  }

  get #track(): MediaStreamTrack {
    return this.#stream.getAudioTracks()[0] as MediaStreamTrack;
  }
}

function mediaDevices(): MediaDevices {
  // Pages that are not secure have no mediaDevices at all.
  if (globalThis.navigator?.mediaDevices === undefined) throw new VoiceError("insecure_context");
  return navigator.mediaDevices;
}

function sourceOf(stream: MediaStream): [AudioContext, MediaStreamAudioSourceNode] {
  const usual = context();
  try {
    return [usual, usual.createMediaStreamSource(stream)];
  } catch {
    // Firefox connects no track whose rate is another than the context's.
    // https://bugzilla.mozilla.org/show_bug.cgi?id=1674892
    void usual.close();
    const sampleRate = stream.getAudioTracks()[0]?.getSettings().sampleRate;
    const matching = context(sampleRate);
    return [matching, matching.createMediaStreamSource(stream)];
  }
}

/** Put what getUserMedia refuses with into our words. https://w3c.github.io/mediacapture-main/#dom-mediadevices-getusermedia */
function refuse(cause: unknown): never {
  const { name, message } = cause as DOMException;
  const detail = `${name}: ${message}`;
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      throw new VoiceError(isWithheld() ? "microphone_withheld" : "microphone_denied", detail, { cause });
    case "NotFoundError":
    case "OverconstrainedError":
      throw new VoiceError("microphone_missing", detail, { cause });
    default: // NotReadableError, AbortError
      throw new VoiceError("microphone_busy", detail, { cause });
  }
}

/**
 * Whether it is the page around this one that does not let the microphone through. Only Chromium tells; elsewhere that
 * is what to look at first in a frame of another origin.
 * https://w3c.github.io/webappsec-permissions-policy/#introspection
 */
function isWithheld(): boolean {
  if (globalThis.window?.parent === globalThis.window) return false;
  const { featurePolicy } = document as Document & { featurePolicy?: { allowsFeature(name: string): boolean } };
  return featurePolicy ? !featurePolicy.allowsFeature("microphone") : window.frameElement === null;
}
