/** The microphone over a conversation: muted, changed, unplugged, plugged in again. */

import type { WorkletUrl } from "./audio.js";
import { VoiceError } from "./errors.js";
import { Microphone, type MicrophoneHooks, type MicrophoneOptions, type MicrophoneState } from "./microphone.js";

/** How loud the microphone is, of the last 60 ms. */
export interface Level {
  /** 0 to 1, of full scale. */
  rms: number;
  /** 0 to 1. */
  peak: number;
}

/** What capture tells. */
export interface CaptureHooks {
  /** @param atMs when the first sample was heard, on the clock of `Date.now`. */
  heard(frame: Int16Array, atMs: number): void;
  level(level: Level): void;
  changed(): void;
  /** It was heard, and is not any more. */
  silenced(): void;
  error(error: VoiceError): void;
  /** Whether the server is hearing a turn, which only silence or `finalize` can end. */
  turnIsOpen(): boolean;
}

type OpenMicrophone = (
  options: MicrophoneOptions,
  hooks: MicrophoneHooks,
  workletUrl: WorkletUrl,
) => Promise<Pick<Microphone, "label" | "deviceId" | "silenced" | "muted" | "flush" | "close">>;

const SAMPLES_PER_LEVEL = 960; // 60 ms
const MUTED_SAMPLES = 16_000;
/* Silence that is sent after muting, so that a turn whose start is not known yet ends; then nothing is. */

/** Holds the microphone, if there is one. */
export class Capture {
  state: MicrophoneState = "off";
  readonly #hooks: CaptureHooks;
  readonly #workletUrl: WorkletUrl;
  readonly #openMicrophone: OpenMicrophone;
  #microphone: Awaited<ReturnType<OpenMicrophone>> | null = null;
  #options: MicrophoneOptions = {};
  #generation = 0; // of the microphone that is wanted
  #muted = false;
  #mutedSamples = 0;
  #wasHeard = false;
  #squares = 0;
  #peak = 0;
  #measured = 0;

  constructor(hooks: CaptureHooks, workletUrl: WorkletUrl, openMicrophone: OpenMicrophone = Microphone.open) {
    this.#hooks = hooks;
    this.#workletUrl = workletUrl;
    this.#openMicrophone = openMicrophone;
  }

  get label(): string {
    return this.#microphone?.label ?? "";
  }

  get deviceId(): string | undefined {
    return this.#microphone?.deviceId;
  }

  /** Whether the system mutes it, which the page cannot undo. */
  get silenced(): boolean {
    return this.#microphone?.silenced ?? false;
  }

  get muted(): boolean {
    return this.#muted;
  }

  set muted(muted: boolean) {
    if (muted === this.#muted) return;
    this.#muted = muted;
    this.#mutedSamples = 0;
    if (this.#microphone !== null) this.#microphone.muted = muted;
    this.#hooks.changed();
  }

  /**
   * Begin to listen, or listen to another device.
   *
   * @throws {VoiceError} see `Microphone.open`.
   */
  async start(options: MicrophoneOptions): Promise<void> {
    this.#options = options;
    this.#release();
    this.#change("starting");
    const generation = this.#generation;
    try {
      await this.#open(options);
    } catch (error) {
      if (generation === this.#generation) this.#change("off");
      throw error;
    }
    if (generation !== this.#generation) return;
    globalThis.navigator?.mediaDevices?.addEventListener("devicechange", this.#onDevices);
  }

  stop(): void {
    globalThis.navigator?.mediaDevices?.removeEventListener("devicechange", this.#onDevices);
    this.#release();
    this.#change("off");
  }

  /** Have what is gathered heard now. */
  async flush(): Promise<void> {
    await this.#microphone?.flush();
  }

  async #open(options: MicrophoneOptions): Promise<void> {
    const generation = this.#generation;
    const hooks = {
      heard: (frame: Int16Array, atMs: number) => this.#heard(frame, atMs),
      silenced: () => this.#silenced(),
      lost: () => this.#lost(),
    };
    const microphone = await this.#openMicrophone(options, hooks, this.#workletUrl);
    if (generation !== this.#generation) {
      microphone.close(); // stopped or changed meanwhile
      return;
    }
    this.#microphone = microphone;
    microphone.muted = this.#muted;
    this.#change("on");
  }

  #release(): void {
    this.#generation++;
    this.#microphone?.close();
    this.#microphone = null;
  }

  #change(state: MicrophoneState): void {
    if (state === this.state) return;
    this.state = state;
    if (state === "off" || state === "lost") this.#fallSilent();
    this.#hooks.changed();
  }

  #silenced(): void {
    if (this.silenced) this.#fallSilent();
    this.#hooks.changed();
  }

  #fallSilent(): void {
    if (!this.#wasHeard) return;
    this.#wasHeard = false;
    this.#hooks.silenced();
  }

  #lost(): void {
    this.#release();
    this.#change("lost");
    this.#hooks.error(new VoiceError("microphone_lost"));
    this.#onDevices(); // there may be another
  }

  readonly #onDevices = (): void => {
    if (this.state !== "lost") return;
    this.#release(); // browsers tell of one change several times: what an earlier one is still opening is not wanted
    const { deviceId: _, ...anyDevice } = this.#options;
    this.#open(anyDevice).catch(() => undefined); // none yet; the next change is another chance
  };

  #heard(frame: Int16Array, atMs: number): void {
    this.#wasHeard = true;
    if (this.#muted) {
      frame.fill(0); // what was on its way when it was muted; after a push-to-talk turn it would begin another
      this.#mutedSamples += frame.length;
    }
    this.#measure(frame);
    if (this.#mutedSamples > MUTED_SAMPLES && !this.#hooks.turnIsOpen()) return;
    this.#hooks.heard(frame, atMs);
  }

  #measure(frame: Int16Array): void {
    for (const sample of frame) {
      this.#squares += sample * sample;
      this.#peak = Math.max(this.#peak, Math.abs(sample));
    }
    this.#measured += frame.length;
    if (this.#measured < SAMPLES_PER_LEVEL) return;
    this.#hooks.level({ rms: Math.sqrt(this.#squares / this.#measured) / 32768, peak: this.#peak / 32768 });
    this.#squares = this.#peak = this.#measured = 0;
  }
}
