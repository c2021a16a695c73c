/** Replies -> speakers, and what of them was really played. */

import { atMost } from "./at-most.js";
import { context, keepAwake, loadWorklet, type WorkletUrl } from "./audio.js";
import { VoiceError } from "./errors.js";
import type { AudioStart, ServerEvent } from "./events.js";
import { Heard, type Now } from "./heard.js";
import { outputLatencyMs } from "./output-latency.js";
import type { Audio } from "./protocol.js";
import type { Mark, SpeakerCommand } from "./worklets/messages.js";

const RATE = 24_000;
const REPORT_MS = 150;
/* Between two reports: with marks 40 ms apart, and 50 ms for a page that is busy, they are under 250 ms apart. */
const START_MS = 300;
const STILL_MS = 10_000;
/* An audio thread that says nothing for so long plays nothing: it is blocked, and nobody clicks. */
const LOWEST_RATE = 8_000;
const HIGHEST_RATE = 48_000;
/* As `docs/protocol.md` lists them. */
const FADE_S = 0.01;
/* Time constant with which the volume changes, as a leap would click. */
/** `blocked`: the browser waits for a gesture before it plays. */
export type SpeakerState = "off" | "on" | "blocked";

/** What a speaker tells. */
export interface SpeakerHooks {
  /** A reply's first sample sounds, or its last has; a pause for want of audio is none. */
  sounding(reply: number, isSounding: boolean): void;
  /** How much of a reply has been heard. */
  played(reply: number, playedMs: number): void;
  state(state: SpeakerState): void;
}

/** Plays 24 kHz audio; what is given while it is being opened waits, and before that is dropped. */
export class Speaker {
  readonly #hooks: SpeakerHooks;
  readonly #workletUrl: WorkletUrl;
  readonly #heard = new Heard();
  #deviceId = ""; // chosen, over all openings
  #volume = 1; // too
  #context: AudioContext | null = null;
  #output: GainNode | null = null;
  #loudness: GainNode | null = null;
  #node: AudioWorkletNode | null = null;
  #early: SpeakerCommand[] = [];
  #opening: Promise<void> | null = null;
  #letSleep: () => void = () => undefined;
  #announced: SpeakerState = "off";
  #patience: ReturnType<typeof setTimeout> | undefined;
  #sounding = 0;
  #last: Mark | null = null;
  #reportedAt = 0;
  #waiting: (() => void)[] = []; // for a word of the audio thread

  constructor(hooks: SpeakerHooks, workletUrl: WorkletUrl) {
    this.#hooks = hooks;
    this.#workletUrl = workletUrl;
  }

  /** What is heard, before the volume: for meters. Null until it is open. */
  get output(): GainNode | null {
    return this.#output;
  }

  /** From 0 to 1, over all openings. */
  get volume(): number {
    return this.#volume;
  }

  /** @throws {RangeError} it is not in 0 to 1. */
  set volume(volume: number) {
    // What is no number, as untyped pages may give it, would be taken for one.
    if (!(Number.isFinite(volume) && volume >= 0 && volume <= 1))
      throw new RangeError(`volume: ${volume} is not in 0 to 1`);
    this.#volume = volume;
    this.#loudness?.gain.setTargetAtTime(volume, this.#loudness.context.currentTime, FADE_S);
  }

  /** The reply that sounds; 0 for none. */
  get sounding(): number {
    return this.#sounding;
  }

  get state(): SpeakerState {
    if (this.#context === null) return "off";
    return this.#context.state === "running" || isAllowed() ? "on" : "blocked";
  }

  /** The latest word of the audio thread; null before the first. */
  get last(): Readonly<Mark> | null {
    return this.#last;
  }

  /**
   * Open the device. Best called from a click: before one, browsers keep it silent, and it begins with the next.
   *
   * @throws {VoiceError} `audio`.
   */
  open(): Promise<void> {
    this.#opening ??= this.#open().catch((error) => {
      this.close();
      throw error;
    });
    return this.#opening;
  }

  /**
   * Choose where it is heard, now and when it is opened again.
   *
   * @param deviceId of an `audiooutput`; empty for the default. Where the browser cannot (Safari), nothing happens.
   * @throws {VoiceError} `speaker_unavailable`; it is heard where it was. `audio`.
   */
  async useDevice(deviceId: string): Promise<void> {
    await this.open();
    await direct(this.#context, deviceId);
    this.#deviceId = deviceId;
  }

  /**
   * Take what the server says, of which only what is heard matters here.
   *
   * @throws {VoiceError} `protocol`: it cannot be played.
   */
  take(event: ServerEvent | Audio): void {
    switch (event.type) {
      case "audio.start":
        check(event);
        break;
      case "audio":
        this.#push(event);
        break;
      case "audio.end":
        this.#tell({ type: "end", reply: event.reply });
        break;
      case "clear":
        this.#tell({ type: "clear", reply: event.reply });
    }
  }

  /** Play out what is there: nothing more comes. */
  finish(): void {
    this.#tell({ type: "end", reply: null });
  }

  /** Wait until all that was taken is heard; where the audio thread stands still, not for long. */
  async heardOut(): Promise<void> {
    if (this.#context === null) return;
    while (!this.#heard.isAll) {
      const word = new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (!(await atMost(STILL_MS, word))) return;
    }
    await new Promise((resolve) => setTimeout(resolve, this.latencyMs)); // what is on its way to the ear
  }

  /** Fall silent and forget all replies: their numbers may come anew. */
  reset(): void {
    this.#tell({ type: "reset" });
    this.#forget();
  }

  /**
   * How much of a reply has been heard up to now, in ms; null where nothing is known of it.
   *
   * It runs on the audio clock: what the audio thread has taken, less what is still on its way to the ear.
   */
  playedMs(reply: number): number | null {
    return this.#heard.playedMs(reply, this.#now);
  }

  /** Where in a reply that is not played out, in ms, there is more to hear; null for any other. */
  unheardFrom(reply: number): number | null {
    return this.#heard.unheardFrom(reply, this.#now);
  }

  /** From the audio thread to the ear, as far as the browser knows. */
  get latencyMs(): number {
    return this.#context === null ? 0 : outputLatencyMs(this.#context);
  }

  /** Ask once more for sound where the browser blocks it; settles when it is allowed. */
  async wake(): Promise<void> {
    await this.#context?.resume();
  }

  /** Let go of the device. */
  close(): void {
    this.#letSleep();
    clearTimeout(this.#patience);
    const closing = this.#context;
    if (this.#node !== null) this.#node.port.onmessage = null;
    this.#context = this.#output = this.#loudness = this.#node = this.#opening = null;
    this.#early = [];
    this.#forget();
    const sounding = this.#sounding;
    this.#sounding = 0;
    if (sounding !== 0) this.#hooks.sounding(sounding, false);
    if (closing === null) return;
    closing.onstatechange = null;
    void closing.close();
    this.#announce();
  }

  get #now(): Now {
    return { at: this.#context?.currentTime ?? 0, latencyMs: this.latencyMs };
  }

  async #open(): Promise<void> {
    const opened = contextAt(RATE);
    this.#context = opened;
    this.#output = new GainNode(opened);
    this.#loudness = new GainNode(opened, { gain: this.#volume });
    this.#output.connect(this.#loudness).connect(opened.destination);
    opened.onstatechange = () => this.#announce();
    this.#letSleep = keepAwake(opened);
    try {
      await loadWorklet(opened, "speaker", this.#workletUrl);
    } catch (error) {
      if (this.#context === opened) throw error; // else it failed because it was closed
    }
    if (this.#context !== opened) return; // closed meanwhile
    this.#node = new AudioWorkletNode(opened, "voicesrv-speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }: MessageEvent<Mark>) => this.#marked(data);
    this.#node.connect(this.#output);
    for (const command of this.#early.splice(0)) this.#tell(command);
    // A context takes a moment to start where it may; only after that it is blocked.
    this.#patience = setTimeout(() => this.#announce(), START_MS);
    if (this.#deviceId !== "") await direct(opened, this.#deviceId).catch(() => undefined); // gone: the default serves
  }

  #push({ reply, pcm: bytes, sample_rate: sampleRate, start_ms: startMs }: Audio): void {
    if (this.#opening === null) return; // nobody asked for sound
    if (bytes.length % 2 !== 0) throw new VoiceError("protocol", "audio: half a sample");
    this.#heard.given(reply, startMs);
    const pcm = new Int16Array(bytes.slice().buffer); // copied, as a part of a message may begin at an odd byte
    this.#tell({ type: "push", reply, pcm, sampleRate, startMs }, [pcm.buffer]);
  }

  #forget(): void {
    this.#heard.forget();
    this.#goOn();
  }

  /** Who waits for a word of the audio thread looks again. */
  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #announce(): void {
    if (this.state === this.#announced) return;
    this.#announced = this.state;
    this.#hooks.state(this.state);
  }

  #tell(command: SpeakerCommand, transfer: Transferable[] = []): void {
    if (this.#node !== null) this.#node.port.postMessage(command, transfer);
    else if (this.#opening !== null) this.#early.push(command);
  }

  #marked(mark: Mark): void {
    this.#last = mark;
    this.#heard.marked(mark);
    this.#goOn();
    const begins = mark.sounding && this.#sounding !== mark.reply;
    const ends = mark.done && this.#sounding === mark.reply;
    if (begins || ends) {
      this.#sounding = begins ? mark.reply : 0;
      this.#hooks.sounding(mark.reply, begins);
    }
    const now = performance.now();
    if (ends) {
      this.#hooks.played(mark.reply, mark.positionMs); // what is on its way to the ear cannot be held back
    } else if (mark.sounding && now - this.#reportedAt >= REPORT_MS) {
      this.#reportedAt = now;
      this.#hooks.played(mark.reply, this.playedMs(mark.reply) ?? 0);
    }
  }
}

/** Whether the browser says that sound needs no gesture: then a context that does not run yet is only slow. Firefox. */
function isAllowed(): boolean {
  const asked = navigator as Navigator & { getAutoplayPolicy?(type: "audiocontext"): string };
  return asked.getAutoplayPolicy?.("audiocontext") === "allowed";
}

/** Refuse what would be noise. */
function check({ encoding, sample_rate: rate, channels }: AudioStart): void {
  if (encoding === "linear16" && channels === 1 && rate >= LOWEST_RATE && rate <= HIGHEST_RATE) return;
  throw new VoiceError("protocol", `audio.start: ${encoding}, ${rate} Hz, ${channels} channels cannot be played`);
}

/** Have a context heard on a device, where the browser can. */
async function direct(playing: AudioContext | null, deviceId: string): Promise<void> {
  try {
    await (playing as (AudioContext & { setSinkId?(id: string): Promise<void> }) | null)?.setSinkId?.(deviceId);
  } catch (cause) {
    throw new VoiceError("speaker_unavailable", String(cause), { cause });
  }
}

/** A context of this rate, or of the device's own where the browser cannot (the worklet converts then). */
function contextAt(sampleRate: number): AudioContext {
  try {
    return context(sampleRate);
  } catch {
    return context();
  }
}
