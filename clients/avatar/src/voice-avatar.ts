/** `<voice-avatar>`: attributes in, events out, a face in between. */

import {
  type MicrophoneOptions,
  type Session,
  type Settings,
  VoiceClient,
  type VoiceClientOptions,
} from "@voicesrv/web";
import { AttributedElement } from "./attributes.js";
import type { VoiceAvatarEventMap } from "./avatar-events.js";
import { Captions } from "./captions.js";
import { Conversation } from "./conversation.js";
import { Face } from "./face.js";
import { ENGLISH, type LabelChanges, type Labels } from "./labels.js";
import { clientOptions, settingsOf, type Wishes } from "./options.js";
import type { AvatarState, Pose } from "./pose.js";
import type { Renderer } from "./renderer.js";
import { Stage } from "./stage.js";
import { SvgRenderer } from "./svg-renderer.js";
import { View } from "./view.js";

/**
 * A face to talk to.
 *
 * It connects to a voicesrv when `start` is called or its button is pressed, listens to the microphone, speaks the
 * replies and moves its mouth with them. Attributes that are changed during a conversation take effect at once, but
 * for `src`, `token` and `no-microphone`, which do with the next start.
 */
export class VoiceAvatarElement extends AttributedElement {
  readonly #view: View;
  readonly #stage: Stage;
  readonly #conversation = new Conversation(() => this.#update());
  readonly #face = new Face();
  readonly #captions = new Captions();
  #state: AvatarState = "off";
  #played = 0; // the last reply that was heard to its end
  #conversationId = "";
  #replyText = "";
  #tokenSource: VoiceClientOptions["token"];
  #settings: Settings = {};
  #labels: Labels = ENGLISH;
  #given: VoiceClient | null = null;
  #own: VoiceClient | null = null;
  #session: Session | null = null;
  #told = ""; // the settings that the client was told last

  /** How to open the microphone: which one, and what the browser does to its sound. */
  microphoneOptions: MicrophoneOptions = {};
  /** Where the audio worklets are served; only for bundlers that do not find them. */
  workletUrl: VoiceClientOptions["workletUrl"];

  constructor() {
    super();
    const quietly = (promise: Promise<void>): void => void promise.catch(() => undefined); // shown and told as an event
    this.#view = new View(this.attachShadow({ mode: "open" }), {
      start: () => quietly(this.start()),
      stop: () => quietly(this.stop()),
      retry: () => quietly(this.start()),
      mute: (muted) => {
        this.muted = muted;
      },
      talk: (on) => (on ? this.startTalking() : quietly(this.stopTalking())),
    });
    this.#stage = new Stage(this.#view.stage, new SvgRenderer(), (sinceMs, calm) => this.#step(sinceMs, calm));
  }

  // --- how it stands ------------------------------------------------------------------------------

  /** How it stands; also in the attribute `state`, for style sheets. */
  get state(): AvatarState {
    return this.#conversation.state;
  }

  /** What was drawn last: of its mouth, eyes and all else. */
  get pose(): Readonly<Pose> {
    return this.#face.pose;
  }

  /** The client under it, with everything that it can do; null before the first start, unless one was given. */
  get client(): VoiceClient | null {
    return this.#conversation.client;
  }

  /** Give it a client of the page's own; attributes are not applied to it. Null takes it away again. */
  set client(client: VoiceClient | null) {
    if (client === this.#given) return;
    this.#given = client;
    this.#use(client);
    this.#update();
  }

  /** What a page that is loaded anew needs to go on with this conversation; see `Session` of `@voicesrv/web`. */
  get session(): Session | null {
    return this.client?.session ?? this.#session;
  }

  /** To be set before the start. */
  set session(session: Session | null) {
    this.#session = session;
  }

  // --- what it is to be like ----------------------------------------------------------------------

  /** A key, or what gives a short-lived token for each connection. Only a text shows in the attribute. */
  get token(): VoiceClientOptions["token"] {
    return this.#tokenSource ?? this.getAttribute("token") ?? undefined;
  }

  set token(token: VoiceClientOptions["token"]) {
    this.#tokenSource = token;
  }

  /** Settings beyond the attributes: `instructions`, `tools`, `llm` and so on. Set anew, they are applied. */
  get settings(): Settings {
    return this.#settings;
  }

  set settings(settings: Settings) {
    this.#settings = settings;
    this.#configure();
  }

  /** Words of the element itself; set some or all of them. */
  get labels(): Labels {
    return this.#labels;
  }

  set labels(labels: LabelChanges) {
    this.#labels = { ...ENGLISH, ...labels, states: { ...ENGLISH.states, ...labels.states } };
    this.#update();
  }

  /** What draws the face; null gives it its own again. */
  get renderer(): Renderer {
    return this.#stage.renderer;
  }

  set renderer(renderer: Renderer | null) {
    this.#stage.renderer = renderer ?? new SvgRenderer();
  }

  // --- what it does -------------------------------------------------------------------------------

  /**
   * Connect and listen; best called from a click, so that the browser lets the voice be heard. Where a part is there
   * already, what is missing is started: so it is also the way to try again.
   *
   * @throws {VoiceError} see `VoiceClient.connect` and `VoiceClient.startMicrophone`. It is shown, too.
   */
  start(): Promise<void> {
    return this.#start(this.noMicrophone ? null : this.microphoneOptions);
  }

  /** Hang up. */
  async stop(): Promise<void> {
    await this.#conversation.stop();
    if (!this.#conversation.isOn && this.#given === null) this.#use(null);
    this.#update();
  }

  /** Say this text as it is. Connects, without a microphone, where there is no connection. */
  async say(text: string): Promise<void> {
    if (!this.#conversation.isOn) await this.#start(null);
    this.client?.say(text);
  }

  /** Send a user's turn, typed. Connects, without a microphone, where there is no connection. */
  async sendText(text: string): Promise<void> {
    if (!this.#conversation.isOn) await this.#start(null);
    this.client?.sendText(text);
  }

  /** Stop the reply under way. */
  interrupt(): void {
    if (this.#conversation.isOn) this.client?.cancel();
  }

  /** Push to talk: the key is pressed. */
  startTalking(): void {
    if (!this.muted) this.client?.startTalking();
  }

  /** Push to talk: the key is let go; what was said is a turn. */
  async stopTalking(): Promise<void> {
    if (this.#conversation.isOn) await this.client?.stopTalking();
  }

  // --- the custom element -------------------------------------------------------------------------

  connectedCallback(): void {
    this.#upgrade();
    this.#stage.open();
    this.setAttribute("state", this.state);
    this.#update();
    this.#autostart();
  }

  disconnectedCallback(): void {
    this.#stage.close();
    queueMicrotask(() => {
      if (!this.isConnected) void this.stop(); // it was not only moved
    });
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === "agent" || name === "voice" || name === "language") this.#configure();
    if (name === "push-to-talk" && this.#given === null) this.client?.setPushToTalk(this.pushToTalk);
    if (name === "push-to-talk" || name === "muted") this.#applyMute();
    if (name === "autostart") this.#autostart();
    this.#update();
  }

  // --- inside -------------------------------------------------------------------------------------

  get #wishes(): Wishes {
    const { src, token, agent, voice, language, pushToTalk, settings, workletUrl } = this;
    return { src, token, agent, voice, language, pushToTalk, settings, workletUrl, session: this.#session };
  }

  async #start(microphone: MicrophoneOptions | null): Promise<void> {
    if (this.#given === null && !this.#conversation.isOn) {
      // After a failure, too: what is asked for may have changed since. What can go on does.
      this.#session = this.client?.session ?? this.#session;
      this.#told = JSON.stringify(settingsOf(this.#wishes));
      this.#use(new VoiceClient(clientOptions(this.#wishes)));
    }
    this.#session = null; // it serves once
    await this.#conversation.start(microphone);
  }

  #autostart(): void {
    if (this.autostart && this.isConnected && !this.#conversation.isOn) this.start().catch(() => undefined); // shown
  }

  #use(client: VoiceClient | null): void {
    const own = this.#own;
    this.#own = client === this.#given ? null : client;
    this.#captions.clear();
    this.#conversation.use(client, (used, signal) => this.#listen(used, signal));
    void own?.disconnect(); // lets go of the speaker, which is open even where no connection came about
    if (client === null) return;
    if (this.#given === null) this.#applyMute();
    this.#emit("client", client);
  }

  #configure(): void {
    if (this.client === null || this.#given !== null) return;
    const settings = settingsOf(this.#wishes);
    const told = JSON.stringify(settings);
    if (told === this.#told) return; // frameworks set what is the same
    this.#told = told;
    this.client.configure(settings);
  }

  #applyMute(): void {
    // With push to talk the client is muted but while the key is pressed.
    if (this.client !== null && (this.muted || !this.pushToTalk)) this.client.mute(this.muted);
  }

  #listen(client: VoiceClient, signal: AbortSignal): void {
    const on: VoiceClient["addEventListener"] = (type: string, listener: EventListenerOrEventListenerObject | null) =>
      client.addEventListener(type, listener, { signal });
    this.#face.listen(client, signal);
    on("ready", ({ detail }) => {
      if (detail.conversation === this.#conversationId) return;
      this.#conversationId = detail.conversation; // numbers of replies begin anew
      this.#captions.clear();
      this.#played = 0;
    });
    on("playing", ({ detail }) => {
      if (!detail.playing) this.#played = detail.reply;
    });
    for (const type of ["transcript", "turn.end", "reply.start", "reply.text", "words", "reply.end"] as const) {
      on(type, ({ detail }) => this.#captions.apply(detail));
    }
    on("transcript", ({ detail }) => this.#emit("transcript", detail));
    on("turn.end", ({ detail }) => this.#emit("turn", detail));
    on("reply.start", () => {
      this.#replyText = "";
    });
    on("reply.text", ({ detail: { reply, delta } }) => {
      this.#replyText += delta;
      this.#emit("reply", { reply, delta, text: this.#replyText, done: false, heard: "", cause: "" });
    });
    on("reply.end", ({ detail: { reply, text, heard, cause } }) => {
      if (this.captions) this.#view.announce(this.#labels.agent, heard);
      this.#emit("reply", { reply, delta: "", text, done: true, heard, cause });
    });
    on("tool_call", ({ detail }) => this.#emit("toolcall", detail));
    on("error", ({ detail }) => this.#emit("error", detail));
  }

  /** The pose for the next frame. */
  #step(sinceMs: number, calm: boolean): Pose {
    this.#caption();
    return this.#face.step(this.client, this.state, sinceMs, calm);
  }

  #caption(): void {
    if (!this.captions) return;
    const { reply } = this.#captions;
    const playedMs = reply === this.#played ? null : (this.client?.playedMs(reply) ?? 0);
    this.#view.caption(this.#captions.user, reply === 0 ? null : this.#captions.agent(playedMs));
  }

  #update(): void {
    const { state, isOn, problem, lacksMicrophone, client } = this.#conversation;
    this.#view.update({
      state,
      isOn,
      muted: this.muted,
      hasMicrophone: client !== null && client.microphone.state === "on",
      pushToTalk: this.pushToTalk,
      isBlocked: client?.speakerState === "blocked",
      problem: problem?.message ?? "",
      canRetry: lacksMicrophone,
      labels: this.#labels,
    });
    if (!this.captions) this.#view.caption(null, null);
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    this.setAttribute("state", state);
    this.#emit("state", { state, previous });
  }

  #emit<K extends keyof VoiceAvatarEventMap>(type: K, detail: VoiceAvatarEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Take up properties that were set before the element was defined, and hide the accessors. */
  #upgrade(): void {
    for (const name of Object.getOwnPropertyNames(this)) {
      if (!(name in VoiceAvatarElement.prototype)) continue;
      const value: unknown = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }
}
