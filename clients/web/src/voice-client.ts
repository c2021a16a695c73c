/** VoiceClient: one conversation with a voicesrv, from microphone to speaker. */

import type { WorkletUrl } from "./audio.js";
import { Capture } from "./capture.js";
import { type ClientState, type Stats, TypedEventTarget, type VoiceClientEventMap } from "./client-events.js";
import { VoiceError } from "./errors.js";
import type { Ready, ServerEvent } from "./events.js";
import { Link } from "./link.js";
import type { MicrophoneOptions } from "./microphone.js";
import { type LocalEvent, type Phase, PhaseTracker } from "./phase.js";
import type { Audio } from "./protocol.js";
import { type Session, type Settings, UPKEEP, type Upkeep } from "./settings.js";
import { Speaker, type SpeakerState } from "./speaker.js";
import { pageWorld } from "./world.js";

export interface VoiceClientOptions {
  /** Where the server is, such as `https://voice.example.org`; left out, where the page came from. */
  url?: string;
  /** A key, or what gives a short-lived token; called anew for each connection, as a token serves once. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** The id of a conversation to join. */
  conversation?: string;
  /** What `session` was on the page that is gone, to go on where it stopped. */
  session?: Session | null;
  /** What the conversation is to be like; see `configure`. */
  settings?: Settings;
  /** The microphone is muted but between `startTalking` and `stopTalking`, which ends the turn. */
  pushToTalk?: boolean;
  /** How the connection is kept up. */
  upkeep?: Partial<Upkeep>;
  /** Where `worklets/microphone.js` and `worklets/speaker.js` are served, if not beside this library. */
  workletUrl?: WorkletUrl;
}

type Waits = Required<Pick<Settings, "endpointing_ms" | "endpointing_max_ms">>;

const DEFAULT_WAITS: Waits = { endpointing_ms: 300, endpointing_max_ms: 1500 };
/* docs/protocol.md */
const TICK_MS = 1000;
const FAREWELL_MS = 2000;
/* What a server gets for its goodbye when nobody wants to hear more. */

/**
 * A conversation: it connects, listens, plays, and comes back from drops.
 *
 * Events of the server arrive exactly once and in order, over as many connections as it takes; the microphone's last
 * 30 s are kept and sent again from where the server lost them. `ready` comes first, and again after each
 * reconnection; where its `conversation` is another one, the old one could not go on. Commands wait while the
 * connection is down. After the end, however it came, `connect` may be called again.
 */
export class VoiceClient extends TypedEventTarget {
  #state: ClientState = "idle";
  readonly #options: VoiceClientOptions;
  readonly #settings: Settings;
  readonly #capture: Capture;
  readonly #speaker: Speaker;
  readonly #phases = new PhaseTracker();
  #link: Link | null = null;
  #connecting: Promise<void> | null = null;
  #session: Session | null;
  #ready: Ready | null = null;
  #inForce: Readonly<Record<string, unknown>> = {};
  #turnIsOpen = false;
  #pushToTalk: boolean;
  #waits: Waits; // what push to talk takes the place of
  #microphoneAgeMs = 0;
  #playing = 0;
  #isSilent = false; // the speaker could not be opened, and it was said
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Say where the server is and what is wanted; nothing is opened yet. */
  constructor(options: VoiceClientOptions = {}) {
    super();
    this.#options = options;
    this.#settings = { ...options.settings };
    this.#session = options.session ?? null;
    this.#waits = waitsOf(this.#settings, DEFAULT_WAITS);
    this.#pushToTalk = options.pushToTalk ?? false;
    this.#capture = new Capture(
      {
        heard: (frame, atMs) => this.#heard(frame, atMs),
        level: (level) => this.#emit("level", level),
        changed: () => this.#microphoneChanged(),
        error: (error) => this.#emit("error", error),
        turnIsOpen: () => this.#turnIsOpen,
      },
      options.workletUrl,
    );
    this.#speaker = new Speaker(
      {
        sounding: (reply, isSounding) => this.#sounding(reply, isSounding),
        played: (reply, playedMs) => this.#played(reply, playedMs),
        state: (state) => this.#emit("speaker", { state }),
      },
      options.workletUrl,
    );
    if (this.#pushToTalk) {
      this.#settings.endpointing_ms = 0;
      this.#capture.muted = true;
    }
  }

  // --- how it stands ------------------------------------------------------------------------------

  get state(): ClientState {
    return this.#state;
  }

  /** Whose turn it is, as a person sees it. */
  get phase(): Phase {
    return this.#phases.phase;
  }

  /** The id of the conversation; empty before the first connection. */
  get conversation(): string {
    return this.#ready?.conversation ?? "";
  }

  /** What a page that takes this one's place needs to go on; null where there is nothing to go on with. */
  get session(): Session | null {
    const session = this.#link?.session ?? this.#session;
    if (session === null || this.#playing === 0 || session.audio_reply !== this.#playing) return session;
    // What has arrived but was not heard goes with this page.
    return { ...session, audio_ms: Math.round(this.playedMs(this.#playing) ?? 0) };
  }

  /** The settings in force, as the server says; empty before the first connection. */
  get settings(): Readonly<Record<string, unknown>> {
    return this.#inForce;
  }

  get microphone(): VoiceClientEventMap["microphone"]["detail"] {
    const { state, muted, label, deviceId } = this.#capture;
    return { state, muted, label, deviceId };
  }

  get muted(): boolean {
    return this.#capture.muted;
  }

  get pushToTalk(): boolean {
    return this.#pushToTalk;
  }

  /** The reply that is heard now; 0 for none. */
  get playing(): number {
    return this.#playing;
  }

  get speakerState(): SpeakerState {
    return this.#speaker.state;
  }

  /** What is heard, as a node of Web Audio: for a meter, or for volume (`output.gain.value`). Null before `connect`. */
  get output(): GainNode | null {
    return this.#speaker.output;
  }

  get stats(): Stats {
    const last = this.#speaker.last;
    return {
      reconnections: this.#link?.reconnections ?? 0,
      lost_ms: this.#link?.lostMs ?? 0,
      microphone_age_ms: this.#microphoneAgeMs,
      underruns: last?.underruns ?? 0,
      jitter_delay_ms: last?.delayMs ?? 0,
      waiting_ms: last?.waitingMs ?? 0,
      output_latency_ms: this.#speaker.latencyMs,
    };
  }

  /**
   * How much of a reply has been heard up to now, in ms on the audio clock; null where nothing is known of it.
   *
   * What to show with a reply (words, mouth shapes) is what its times say for this number, at each frame drawn.
   */
  playedMs(reply: number): number | null {
    return this.#speaker.playedMs(reply);
  }

  // --- lifetime -----------------------------------------------------------------------------------

  /**
   * Connect, or go on with the conversation that a lost connection ended. Best called from a click, so that the
   * browser lets replies be heard.
   *
   * A server that is full and says when to come again is tried again, with an `error` event each time.
   *
   * @throws {VoiceError} `unreachable`, `token`, `protocol`, or what the server said, such as `unauthorized`.
   * @throws {TypeError} the URL is none.
   */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      if (this.#link === null) this.#connecting = null;
    });
    return this.#connecting;
  }

  /**
   * Hang up.
   *
   * @param finish hear the server out first: what was said is answered, and its answer played.
   */
  async disconnect({ finish = false } = {}): Promise<void> {
    this.stopMicrophone();
    const link = this.#link;
    if (link !== null) {
      if (!finish) {
        this.#speaker.reset();
        link.sendIfUp({ type: "cancel" });
      }
      link.finish();
      if (link.up) await this.#until("state", () => this.#link !== link, finish ? undefined : FAREWELL_MS);
      link.close();
    }
    if (finish) await this.#until("playing", () => this.#playing === 0);
    this.#speaker.close();
    this.#session = null;
  }

  // --- microphone and speaker ---------------------------------------------------------------------

  /**
   * Listen to a microphone; called again, to another one. The browser asks the user for permission.
   *
   * @throws {VoiceError} `insecure_context`, `microphone_denied`, `microphone_missing`, `microphone_busy` or `audio`.
   */
  startMicrophone(options: MicrophoneOptions = {}): Promise<void> {
    return this.#capture.start(options);
  }

  /** Let go of the microphone; a turn under way ends. */
  stopMicrophone(): void {
    this.#capture.stop();
  }

  /** Send silence in place of what the microphone hears. */
  mute(muted = true): void {
    this.#capture.muted = muted;
  }

  /** Switch between push to talk and turns that end with silence. */
  setPushToTalk(on: boolean): void {
    if (on === this.#pushToTalk) return;
    this.#pushToTalk = on;
    this.#capture.muted = on;
    this.configure(on ? { endpointing_ms: 0 } : this.#waits);
    if (on && this.#turnIsOpen) this.#link?.send({ type: "finalize" }); // silence will not end it any more
  }

  /** The key is pressed: listen. */
  startTalking(): void {
    this.#capture.muted = false;
  }

  /** The key is let go: what was said is a turn. */
  async stopTalking(): Promise<void> {
    await this.#capture.flush(); // the last syllable is part of it
    this.#capture.muted = true;
    this.finalize();
  }

  /**
   * Open the speaker, which `connect` does too, or ask again for sound where the browser blocks it.
   *
   * @throws {VoiceError} `audio`.
   */
  async startSpeaker(): Promise<void> {
    await this.#speaker.open();
    await this.#speaker.wake();
  }

  /** Choose where replies are heard; nothing happens where the browser cannot (Safari). */
  useSpeaker(deviceId: string): Promise<void> {
    return this.#speaker.useDevice(deviceId);
  }

  // --- commands -----------------------------------------------------------------------------------
  // Each throws VoiceError `not_connected` where there is no conversation.

  /** Have this text said as it is; without `flush` it is gathered until a sentence is whole. */
  say(text: string, { flush = true } = {}): void {
    this.#open.send({ type: "speak", text, flush });
  }

  /** Have what is gathered spoken; `flushed` with this id comes when its last audio is sent. */
  flush(id?: string | number): void {
    this.#open.send(id === undefined ? { type: "flush" } : { type: "flush", id });
  }

  /** Send a user's turn, typed. */
  sendText(text: string): void {
    this.#open.send({ type: "text", text });
  }

  /** Stop the reply under way, as a barge-in does. */
  cancel(): void {
    this.#open.send({ type: "cancel" });
  }

  /** End the user's turn now. */
  finalize(): void {
    this.#open.send({ type: "finalize" });
  }

  /** Change settings from here on; answered by `configured`. Before `connect`, they are those it begins with. */
  configure(changes: Settings): void {
    Object.assign(this.#settings, changes);
    if (changes.endpointing_ms !== 0) this.#waits = waitsOf(changes, this.#waits);
    this.#link?.configure(changes);
  }

  /** Answer a `tool_call` with its output: text, or what can be JSON. */
  toolResult(id: string, output: unknown): void {
    this.#open.send({ type: "tool_result", id, output: output ?? null });
  }

  /** Answer a `tool_call` with what went wrong. */
  toolError(id: string, error: string): void {
    this.#open.send({ type: "tool_result", id, error });
  }

  /** Ask for a `pong` of the same id. */
  ping(id?: string | number): void {
    this.#open.send(id === undefined ? { type: "ping" } : { type: "ping", id });
  }

  // --- inside -------------------------------------------------------------------------------------

  get #open(): Link {
    if (this.#link === null) throw new VoiceError("not_connected");
    return this.#link;
  }

  async #connect(): Promise<void> {
    const { url = "/", token, conversation, upkeep } = this.#options;
    const link = new Link(
      {
        url,
        token: async () => (typeof token === "function" ? token() : token),
        settings: this.#settings,
        conversation,
        session: this.#session,
      },
      {
        received: (event) => this.#received(event),
        down: () => this.#enter("reconnecting"),
        trouble: (error) => this.#emit("error", error),
        over: (error) => this.#ended(error),
      },
      pageWorld,
      { ...UPKEEP, ...upkeep },
    );
    this.#link = link;
    this.#enter("connecting");
    this.#isSilent = false;
    if (this.#settings.mode !== "listen") this.#openSpeaker();
    this.#timer = setInterval(() => link.tick(), TICK_MS);
    try {
      await link.open();
    } catch (error) {
      if (this.#link === link) this.#ended(null);
      throw error;
    }
  }

  #openSpeaker(): void {
    // Without sound there are still captions.
    this.#speaker.open().catch((error: VoiceError) => {
      this.#isSilent = true;
      this.#emit("error", error);
    });
  }

  #received(event: ServerEvent | Audio): void {
    switch (event.type) {
      case "ready":
        this.#begin(event);
        break;
      case "configured":
        this.#inForce = event.settings;
        break;
      case "turn.start":
        this.#turnIsOpen = true;
        break;
      case "turn.end":
        this.#turnIsOpen = false;
        break;
      case "audio.start":
        if (!this.#isSilent) this.#openSpeaker();
        break;
      case "audio":
        this.#speaker.push(event.reply, event.pcm, event.sample_rate, event.start_ms);
        break;
      case "audio.end":
        this.#speaker.end(event.reply);
        break;
      case "clear":
        this.#speaker.clear(event.reply);
        break;
      case "error": {
        const { code, message, retry_after_ms } = event;
        this.#emit("error", new VoiceError(code, message, { retryAfterMs: retry_after_ms }));
        return;
      }
    }
    this.#emit(event.type, event as never);
    if (event.type !== "audio") this.#advance(event);
  }

  #begin(ready: Ready): void {
    if (this.#ready !== null && this.#ready.conversation !== ready.conversation) {
      this.#speaker.reset(); // numbers of replies begin anew
      this.#turnIsOpen = false;
    }
    this.#ready = ready;
    this.#inForce = ready.settings;
    this.#enter("connected");
    this.#advance({ type: "connected" });
  }

  #ended(error: VoiceError | null): void {
    clearInterval(this.#timer);
    this.#session = this.#link?.session ?? null;
    this.#link = null;
    this.#connecting = null;
    this.#turnIsOpen = false;
    this.#capture.stop();
    this.#enter("idle");
    this.#advance({ type: "disconnected" });
    if (error !== null) this.#emit("error", error);
  }

  #heard(frame: Int16Array, atMs: number): void {
    if (this.#link === null) return;
    this.#link.sendAudio(frame);
    this.#microphoneAgeMs = Date.now() - atMs;
  }

  #microphoneChanged(): void {
    const { state } = this.#capture;
    // No silence will come that could end the turn.
    if ((state === "off" || state === "lost") && this.#turnIsOpen) this.#link?.send({ type: "finalize" });
    this.#emit("microphone", this.microphone);
  }

  #sounding(reply: number, playing: boolean): void {
    this.#playing = playing ? reply : 0;
    this.#emit("playing", { reply, playing });
    this.#advance({ type: playing ? "sounding" : "silent" });
  }

  #played(reply: number, playedMs: number): void {
    const played_ms = Math.round(playedMs);
    this.#link?.sendIfUp({ type: "playback", reply, played_ms });
    this.#emit("played", { reply, played_ms });
  }

  #enter(state: ClientState): void {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    this.#emit("state", { state, previous });
  }

  #advance(event: ServerEvent | LocalEvent): void {
    const previous = this.#phases.phase;
    if (this.#phases.apply(event)) this.#emit("phase", { phase: this.#phases.phase, previous });
  }

  #emit<K extends keyof VoiceClientEventMap>(type: K, detail: VoiceClientEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Wait until an event makes a condition true, or for so long. */
  #until(type: keyof VoiceClientEventMap, isTrue: () => boolean, atMostMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isTrue()) return;
        done();
      };
      const done = (): void => {
        clearTimeout(timer);
        this.removeEventListener(type, look);
        resolve();
      };
      const timer = atMostMs === undefined ? undefined : setTimeout(done, atMostMs);
      this.addEventListener(type, look);
      look();
    });
  }
}

/** What settings make of the silences that end a turn: by the server's rule, who names one wait means that one. */
function waitsOf(changes: Settings, before: Waits): Waits {
  const { endpointing_ms, endpointing_max_ms } = changes;
  return {
    endpointing_ms: endpointing_ms ?? before.endpointing_ms,
    endpointing_max_ms: endpointing_max_ms ?? (endpointing_ms === undefined ? before.endpointing_max_ms : 0),
  };
}
