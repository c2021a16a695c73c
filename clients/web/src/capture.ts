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

type OpenedMicrophone = Pick<Microphone, "label" | "deviceId" | "silenced" | "muted" | "flush" | "close">;
type OpenMicrophone = (
  options: MicrophoneOptions,
  hooks: MicrophoneHooks,
  workletUrl: WorkletUrl,
) => Promise<OpenedMicrophone>;

const SAMPLES_PER_LEVEL = 960; // 60 ms
const MUTED_SAMPLES = 16_000;
/* Silence that is sent after muting, so that a turn whose start is not known yet ends; then nothing is. */

/** Holds the microphone, if there is one. */
export class Capture {
  readonly #hooks: CaptureHooks;
  readonly #workletUrl: WorkletUrl;
  readonly #openMicrophone: OpenMicrophone;
  #microphone: OpenedMicrophone | null = null;
  #options: MicrophoneOptions | null = null; // of the one that is on or was lost; null while it is off
  #isStarting = false;
  #generation = 0; // of the microphone that is wanted
  #told: OpenedMicrophone | MicrophoneState = "off";
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

  get state(): MicrophoneState {
    if (this.#microphone !== null) return "on";
    if (this.#isStarting) return "starting";
    return this.#options === null ? "off" : "lost";
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
   * Begin to listen, or listen to another device; the one before is heard until that is open, and goes on where it
   * cannot be had. Of several calls the last one counts: one that was overtaken, or stopped, settles without a word.
   *
   * @throws {VoiceError} see `Microphone.open`.
   */
  async start(options: MicrophoneOptions): Promise<void> {
    const generation = ++this.#generation;
    const isCurrent = (): boolean => generation === this.#generation;
    this.#isStarting = true;
    this.#tell();
    try {
      await this.#open(options).catch((error: VoiceError) => {
        if (!isCurrent() || this.#microphone === null || error.code !== "microphone_busy") throw error;
        // Some systems have one microphone open at a time, phones above all.
        this.#release();
        this.#tell();
        return this.#open(options);
      });
    } catch (error) {
      // What was heard before is heard again, also where it was unplugged meanwhile.
      if (isCurrent() && this.#microphone === null && this.#options !== null) {
        await this.#open(this.#options).catch(() => undefined);
      }
      if (isCurrent()) throw error;
    } finally {
      if (isCurrent()) {
        this.#isStarting = false;
        this.#tell();
      }
    }
  }

  stop(): void {
    globalThis.navigator?.mediaDevices?.removeEventListener("devicechange", this.#onDevices);
    this.#generation++;
    this.#isStarting = false;
    this.#options = null;
    this.#release();
    this.#tell();
  }

  /** Have what is gathered heard now. */
  async flush(): Promise<void> {
    await this.#microphone?.flush();
  }

  /** Open a microphone, in the place of the one that is open. */
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
    this.#release();
    this.#microphone = microphone;
    this.#options = options;
    microphone.muted = this.#muted;
    globalThis.navigator?.mediaDevices?.addEventListener("devicechange", this.#onDevices);
    this.#tell();
  }

  #release(): void {
    this.#microphone?.close();
    this.#microphone = null;
  }

  /** Tell of another state or another microphone than was told last. */
  #tell(): void {
    const { state } = this;
    const news = this.#microphone ?? state;
    if (news === this.#told) return;
    this.#told = news;
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
    const { deviceId: _, ...anyDevice } = this.#options ?? {};
    this.#options = anyDevice;
    this.#release();
    this.#tell();
    this.#hooks.error(new VoiceError("microphone_lost"));
    this.#onDevices(); // there may be another
  }

  readonly #onDevices = (): void => {
    if (this.state !== "lost" || this.#options === null) return;
    this.#generation++; // browsers tell of one change several times: what an earlier one is still opening is not wanted
    this.#open(this.#options).catch((error) => {
      // Else there is none yet, and the next change is another chance.
      if (error instanceof VoiceError && error.code === "microphone_denied") this.#hooks.error(error);
    });
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
