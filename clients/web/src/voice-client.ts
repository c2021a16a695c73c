/** VoiceClient: one conversation with a voicesrv, from microphone to speaker. */

import { Capture } from "./capture.js";
import { type ClientState, type Stats, TypedEventTarget, type VoiceClientEventMap } from "./client-events.js";
import type { Session, VoiceClientOptions } from "./client-options.js";
import { VoiceError } from "./errors.js";
import type { AudioEnd, Ready, ServerEvent } from "./events.js";
import { Lifetime } from "./lifetime.js";
import type { Link } from "./link.js";
import type { MicrophoneOptions } from "./microphone.js";
import { type LocalEvent, type Phase, PhaseTracker } from "./phase.js";
import type { Audio } from "./protocol.js";
import type { Changes, Settings } from "./settings.js";
import { Speaker, type SpeakerState } from "./speaker.js";
import { Wishes } from "./wishes.js";

const SAID_AGAIN_MS = 3000;
/* Of what has arrived, so much can be had again: the server keeps 4 s of a reply that is over. */

/**
 * A conversation: it connects, listens, plays, and comes back from drops.
 *
 * Events of the server arrive exactly once and in order, over as many connections as it takes; the microphone's last
 * 30 s are kept and sent again from where the server lost them. `ready` comes first, and again after each
 * reconnection; where its `conversation` is another one, the old one could not go on. Commands wait while the
 * connection is down. After the end, however it came, `connect` may be called again.
 */
export class VoiceClient extends TypedEventTarget {
  readonly #wishes: Wishes;
  readonly #lifetime: Lifetime;
  readonly #capture: Capture;
  readonly #speaker: Speaker;
  readonly #phases = new PhaseTracker();
  #ready: Ready | null = null;
  #inForce: Readonly<Record<string, unknown>> = {};
  #turnIsOpen = false;
  #pushToTalk: boolean;
  #presses = 0; // of the key
  #microphoneAgeMs = 0;
  #isSilent = false; // the speaker could not be opened, and it was said
  #audioEnd: AudioEnd | null; // the last

  /**
   * Say where the server is and what is wanted; nothing is opened yet.
   *
   * @throws {RangeError} `volume` is not in 0 to 1.
   */
  constructor(options: VoiceClientOptions = {}) {
    super();
    this.#pushToTalk = options.pushToTalk ?? false;
    this.#wishes = new Wishes(options.settings, this.#pushToTalk, options.session != null);
    this.#audioEnd = audioEndOf(options.session);
    this.#lifetime = new Lifetime(options, this.#wishes, {
      begun: (ready) => this.#begun(ready),
      entered: (state, previous) => this.#entered(state, previous),
      received: (event) => this.#received(event),
      error: (error) => this.#emit("error", error),
      ended: () => this.#ended(),
    });
    this.#capture = new Capture(
      {
        heard: (frame, atMs) => this.#heard(frame, atMs),
        level: (level) => this.#emit("level", level),
        changed: () => this.#emit("microphone", this.microphone),
        silenced: () => this.#silenced(),
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
    this.#capture.muted = this.#pushToTalk;
    this.volume = options.volume ?? 1;
  }

  // --- how it stands ------------------------------------------------------------------------------

  get state(): ClientState {
    return this.#lifetime.state;
  }

  /** Whose turn it is, as a person sees it. */
  get phase(): Phase {
    return this.#phases.phase;
  }

  /** The id of the conversation; empty before the first connection. */
  get conversation(): string {
    return this.#ready?.conversation ?? "";
  }

  /** The id of this client in the conversation, as a `tool_call` has it; empty before the first connection. */
  get connection(): string {
    return this.#ready?.connection ?? "";
  }

  /** What a page that takes this one's place needs to go on; null where there is nothing to go on with. */
  get session(): Session | null {
    const { session } = this.#lifetime;
    if (session === null) return null;
    const { audio_reply: reply = 0, audio_ms: received = 0 } = session;
    const end = this.#audioEnd;
    // Also of what was heard out: what comes again may begin a part of a ms before its end.
    const told = end?.reply === reply ? { ...session, audio_end_ms: end.duration_ms } : session;
    const heardMs = this.#speaker.unheardFrom(reply);
    if (heardMs === null) return told;
    // What has arrived but was not heard goes with this page.
    return { ...told, audio_ms: Math.round(Math.max(heardMs, received - SAID_AGAIN_MS)) };
  }

  /** The settings that this client has asked for, in force or not answered yet; but those that were refused. */
  get wanted(): Settings {
    return this.#wishes.settings;
  }

  /** The settings in force, as the server says; empty before the first connection. */
  get settings(): Readonly<Record<string, unknown>> {
    return this.#inForce;
  }

  get microphone(): VoiceClientEventMap["microphone"]["detail"] {
    const { state, muted, silenced, label, deviceId } = this.#capture;
    return { state, muted, silenced, label, deviceId };
  }

  get muted(): boolean {
    return this.#capture.muted;
  }

  get pushToTalk(): boolean {
    return this.#pushToTalk;
  }

  /** The reply that is heard now; 0 for none. */
  get playing(): number {
    return this.#speaker.sounding;
  }

  get speakerState(): SpeakerState {
    return this.#speaker.state;
  }

  /** How loud replies are heard, 0 to 1, over all connections. */
  get volume(): number {
    return this.#speaker.volume;
  }

  /** @throws {RangeError} it is not in 0 to 1. */
  set volume(volume: number) {
    this.#speaker.volume = volume;
  }

  /** What is heard, before `volume`, as a node of Web Audio: for a meter. Another one each time; null before `connect`. */
  get output(): GainNode | null {
    return this.#speaker.output;
  }

  get stats(): Stats {
    const { last } = this.#speaker;
    const { link } = this.#lifetime;
    return {
      reconnections: link?.reconnections ?? 0,
      lost_ms: link?.lostMs ?? 0,
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
  // In whatever order these are called, also before an earlier call is through, the last one decides.

  /**
   * Connect, or go on with the conversation that a lost connection ended. Best called from a click, so that the
   * browser lets replies be heard.
   *
   * Called while a connection that was lost waits to be tried again, it is tried at once, and this does not wait for it.
   * A server that is full and says when to come again is tried again, with an `error` event each time. One that does
   * not take the settings says so here; they stay until they are changed.
   *
   * @throws {VoiceError} `unreachable`, `token`, `protocol`, or what the server said, such as `unauthorized`;
   *   `closed` where `disconnect` was called meanwhile.
   * @throws {TypeError} the URL is none.
   */
  connect(): Promise<void> {
    return this.#lifetime.connect();
  }

  /**
   * Hang up: a turn that is being spoken is not answered, and a reply under way stops.
   *
   * @param finish hear the server out first: what was said is answered, and its answer played. Where the connection is
   *   being made or was lost, it is still tried for, no longer than ever; where the browser blocks sound, a click is
   *   waited for, 10 s at most. Called again without it, all of that ends at once.
   */
  async disconnect({ finish = false } = {}): Promise<void> {
    if (finish)
      this.stopMicrophone(); // what was said is a turn
    else this.#speaker.reset();
    const { count } = this.#lifetime;
    const gone = this.#lifetime.disconnect(finish);
    this.stopMicrophone();
    await gone;
    if (finish) await this.#speaker.heardOut();
    if (count === this.#lifetime.count) this.#speaker.close(); // else somebody has connected again
  }

  // --- microphone and speaker ---------------------------------------------------------------------

  /**
   * Listen to a microphone; called again, to another one, while the one before goes on where that cannot be had. The
   * browser asks the user for permission.
   *
   * @throws {VoiceError} `insecure_context`, `microphone_denied`, `microphone_withheld`, `microphone_missing`,
   *   `microphone_busy` or `audio`.
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
    // Silence will not end a turn any more. Before it is so, `finalize` ends the one that is open and no other.
    if (on) this.#lifetime.link?.offer({ type: "finalize" });
    this.#configure(on ? { endpointing_ms: 0 } : this.#wishes.waits);
  }

  /** The key is pressed: listen. */
  startTalking(): void {
    this.#presses++;
    this.#capture.muted = false;
  }

  /** The key is let go: what was said is a turn. Without push to talk the microphone stays open. */
  async stopTalking(): Promise<void> {
    const press = this.#presses;
    await this.#capture.flush(); // the last syllable is part of it
    if (this.#pushToTalk && press === this.#presses) this.#capture.muted = true; // else the key is down again
    this.#lifetime.link?.offer({ type: "finalize" });
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

  /**
   * Choose where replies are heard; nothing happens where the browser cannot (Safari).
   *
   * @throws {VoiceError} `speaker_unavailable`: they are heard where they were. `audio`.
   */
  useSpeaker(deviceId: string): Promise<void> {
    return this.#speaker.useDevice(deviceId);
  }

  // --- commands -----------------------------------------------------------------------------------
  // Each throws VoiceError: `not_connected` where there is no conversation, `rate_limited` where more than 100 wait,
  // `too_large`.

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

  /**
   * Change settings from here on; null brings back what the server chooses. Before `connect`, they are those it begins
   * with.
   *
   * The server makes all changes of one call and answers with `configured`, or none of them: then an `error` event
   * says why, and has them in `refused`, and they are forgotten. Those that a lost connection swallowed are asked for
   * again.
   */
  configure(changes: Changes): void {
    this.#configure(this.#pushToTalk ? this.#wishes.putAside(changes) : changes);
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
    const { link } = this.#lifetime;
    if (link === null) throw new VoiceError("not_connected");
    return link;
  }

  #configure(changes: Changes): void {
    const { link, session } = this.#lifetime;
    if (link !== null) link.configure(changes);
    else if (session === null) this.#wishes.keep(changes);
    else this.#wishes.ask(changes); // a conversation that goes on has the settings that it had
  }

  #begun(ready: Ready): void {
    if (this.#ready !== null && this.#ready.conversation !== ready.conversation) {
      this.#speaker.reset(); // numbers of replies begin anew
      this.#audioEnd = null;
      this.#turnIsOpen = false;
      this.#advance({ type: "disconnected" });
    }
    this.#ready = ready;
    this.#inForceNow(ready.settings);
  }

  #inForceNow(settings: Record<string, unknown>): void {
    this.#inForce = settings;
    this.#phases.isAnswered = settings.mode !== "listen";
  }

  #entered(state: ClientState, previous: ClientState): void {
    if (state === "connecting") {
      this.#isSilent = false;
      if (this.#wishes.settings.mode !== "listen") this.#openSpeaker();
    }
    if (state === "idle") this.#advance({ type: "disconnected" });
    if (state === "idle" && previous === "connecting") this.#speaker.close(); // nothing will be heard
    this.#emit("state", { state, previous });
    if (this.state === "connected") this.#advance({ type: "connected" }); // else a listener has hung up
  }

  #ended(): void {
    this.#turnIsOpen = false;
    this.#speaker.finish();
    this.#capture.stop();
  }

  #openSpeaker(): void {
    // Without sound there are still captions.
    this.#speaker.open().catch((error: VoiceError) => {
      this.#isSilent = true;
      this.#emit("error", error);
    });
  }

  #received(event: ServerEvent | Audio): void {
    if (event.type === "configured") this.#inForceNow(event.settings);
    if (event.type === "turn.start") this.#turnIsOpen = true;
    if (event.type === "turn.end") this.#turnIsOpen = false;
    if (!this.#lifetime.isLeaving) this.#play(event);
    this.#emit(event.type, event as never);
    if (event.type !== "audio") this.#advance(event);
  }

  #play(event: ServerEvent | Audio): void {
    this.#speaker.take(event);
    if (event.type === "audio.start" && !this.#isSilent) this.#openSpeaker();
    if (event.type === "audio.end") this.#audioEnd = event;
    if (event.type === "audio" && isLast(event, this.#audioEnd)) this.#speaker.take(this.#audioEnd);
  }

  #heard(frame: Int16Array, atMs: number): void {
    const { link } = this.#lifetime;
    if (link === null) return;
    link.sendAudio(frame);
    this.#microphoneAgeMs = Date.now() - atMs;
  }

  #silenced(): void {
    // No silence will come that could end a turn, which may have begun without this end's knowing. A key that is up
    // has ended it already.
    if (!this.#pushToTalk || !this.muted) this.#lifetime.link?.offer({ type: "finalize" });
  }

  #sounding(reply: number, playing: boolean): void {
    this.#emit("playing", { reply, playing });
    this.#advance({ type: playing ? "sounding" : "silent" });
  }

  #played(reply: number, playedMs: number): void {
    const played_ms = Math.round(playedMs);
    this.#lifetime.link?.sendIfUp({ type: "playback", reply, played_ms });
    this.#emit("played", { reply, played_ms });
  }

  #advance(event: ServerEvent | LocalEvent): void {
    const previous = this.#phases.phase;
    if (this.#phases.apply(event)) this.#emit("phase", { phase: this.#phases.phase, previous });
  }

  #emit<K extends keyof VoiceClientEventMap>(type: K, detail: VoiceClientEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** What was told of the end of the audio that a session goes on with. */
function audioEndOf(session: Session | null | undefined): AudioEnd | null {
  const { audio_reply: reply, audio_end_ms: duration_ms } = session ?? {};
  return reply === undefined || duration_ms === undefined ? null : { type: "audio.end", seq: 0, reply, duration_ms };
}

/** Whether audio reaches the end of its reply: told already, where it comes again for a page that was loaded anew. */
function isLast({ reply, pcm, sample_rate, start_ms }: Audio, end: AudioEnd | null): end is AudioEnd {
  return end?.reply === reply && start_ms + (pcm.length * 500) / sample_rate > end.duration_ms - 1;
}
