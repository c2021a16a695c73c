/** `<voice-avatar>`: attributes in, events out, a face in between. */

import { type MicrophoneOptions, type Session, VoiceClient, type VoiceError } from "@voicesrv/web";
import { Asked } from "./asked.js";
import { retell, type VoiceAvatarEventMap } from "./avatar-events.js";
import { Captions } from "./captions.js";
import { Conversation } from "./conversation.js";
import { Face } from "./face.js";
import { ENGLISH, type LabelChanges, type Labels } from "./labels.js";
import { clientOptions, settingsOf } from "./options.js";
import type { AvatarState, Pose } from "./pose.js";
import { takeUpEarlyProperties, WishingElement } from "./properties.js";
import type { Renderer } from "./renderer.js";
import { type Moment, Stage } from "./stage.js";
import { SvgRenderer } from "./svg-renderer.js";
import { View } from "./view.js";

const ASKED = new Set(["src", "token", "agent", "voice", "language"]);

/**
 * A face to talk to.
 *
 * It connects to a voicesrv when `start` is called or its button is pressed, listens to the microphone, speaks the
 * replies and moves its mouth with them. What is changed during a conversation takes effect at once, but for `src`,
 * `token` and `no-microphone`, which do with the next start.
 */
export class VoiceAvatarElement extends WishingElement {
  readonly #view: View;
  readonly #stage: Stage;
  readonly #conversation = new Conversation(() => this.#update());
  readonly #face = new Face();
  readonly #captions = new Captions();
  #state: AvatarState = "off";
  #played = 0; // the last reply that was heard to its end
  #conversationId = "";
  #labels: Labels = ENGLISH;
  #given: VoiceClient | null = null;
  #own: VoiceClient | null = null;
  #asked = new Asked({}); // of its own client
  #isTelling = false;
  #isNew = true; // on the page

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
    takeUpEarlyProperties(this);
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

  /** Give it a client of the page's own, which is listened to and nothing else. Null takes it away again. */
  set client(client: VoiceClient | null | undefined) {
    const given = client ?? null;
    if (given === this.#given) return;
    this.#given = given;
    this.#use(given);
    this.#update();
  }

  override get session(): Session | null {
    return this.client?.session ?? super.session;
  }

  override set session(session: Session | null | undefined) {
    super.session = session;
  }

  // --- what it is to be like ----------------------------------------------------------------------

  /** Words of the element itself; set some or all of them. */
  get labels(): Labels {
    return this.#labels;
  }

  set labels(labels: LabelChanges | null | undefined) {
    this.#labels = { ...ENGLISH, ...labels, states: { ...ENGLISH.states, ...labels?.states } };
    this.#update();
  }

  /** What draws the face; null gives it its own again. */
  get renderer(): Renderer {
    return this.#stage.renderer;
  }

  set renderer(renderer: Renderer | null | undefined) {
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

  /**
   * Say this text as it is. Connects, without a microphone, where there is no connection.
   *
   * @throws {VoiceError} see `VoiceClient.connect`.
   */
  async say(text: string): Promise<void> {
    await this.#reach();
    this.client?.say(text);
  }

  /**
   * Send a user's turn, typed. Connects, without a microphone, where there is no connection.
   *
   * @throws {VoiceError} see `VoiceClient.connect`.
   */
  async sendText(text: string): Promise<void> {
    await this.#reach();
    this.client?.sendText(text);
  }

  /** Stop the reply under way, where there is one. */
  interrupt(): void {
    try {
      this.client?.cancel();
    } catch (error) {
      if ((error as VoiceError).code !== "not_connected") throw error; // else there is none
    }
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
    this.#stage.open(this);
    this.setAttribute("state", this.state);
    this.#update();
    if (this.#isNew) this.#autostart();
    this.#isNew = false;
  }

  disconnectedCallback(): void {
    this.#stage.close();
    this.#face.letGo();
    queueMicrotask(() => {
      if (this.isConnected) return; // it was only moved
      this.#isNew = true;
      if (this.#given === null) void this.stop();
    });
  }

  adoptedCallback(): void {
    this.#view.dress();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (ASKED.has(name)) this.wishesChanged();
    if (name === "push-to-talk") this.#own?.setPushToTalk(this.pushToTalk);
    if (name === "push-to-talk" || name === "muted") this.#applyMute();
    if (name === "volume" && this.#own !== null) this.#own.volume = this.volume;
    if (name === "autostart") this.#autostart();
    this.#update();
  }

  // --- inside -------------------------------------------------------------------------------------

  protected override wishesChanged(): void {
    if (this.#own === null) return;
    if (!this.#conversation.isOn) {
      this.#conversation.forgive(); // it was refused for what is not asked for any more
      return;
    }
    if (this.#isTelling) return;
    this.#isTelling = true;
    // Together, as an agent and its voice are changed one after the other, and do not fit each other in between.
    queueMicrotask(() => {
      this.#isTelling = false;
      const changes = this.#asked.change(settingsOf(this.wishes));
      if (changes !== null) this.#own?.configure(changes);
    });
  }

  protected override microphoneWished(): void {
    if (this.#own !== null) void this.#conversation.switchMicrophone(this.microphoneOptions);
  }

  async #start(microphone: MicrophoneOptions | null): Promise<void> {
    if (this.#given === null && !this.#conversation.isOn) {
      // After a failure, too: what is asked for may have changed since. What can go on does.
      const { wishes } = this;
      this.#asked = new Asked(settingsOf(wishes));
      this.#use(new VoiceClient(clientOptions(wishes)));
    }
    this.session = null; // it serves once
    await this.#conversation.start(microphone);
  }

  async #reach(): Promise<void> {
    if (!(await this.#conversation.settled())) await this.#start(null);
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

  #applyMute(): void {
    // With push to talk the client is muted but while the key is pressed.
    if (this.muted || !this.pushToTalk) this.client?.mute(this.muted);
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
    on("error", ({ detail }) => {
      if (detail.refused !== null) this.#asked.refused(detail.refused);
    });
    on("playing", ({ detail }) => {
      if (!detail.playing) this.#played = detail.reply;
    });
    on("reply.end", ({ detail }) => {
      if (this.captions) this.#view.announce(this.#labels.agent, detail.heard);
    });
    for (const type of ["transcript", "turn.end", "reply.start", "reply.text", "words", "reply.end"] as const) {
      on(type, ({ detail }) => this.#captions.apply(detail));
    }
    retell(client, signal, (type, detail) => this.#emit(type, detail));
  }

  /** What to draw next. */
  #step(sinceMs: number, calm: boolean): Moment {
    this.#caption();
    const pose = this.#face.step(this.client, this.state, sinceMs, calm);
    return { pose, restMs: this.#face.restMs };
  }

  #caption(): void {
    if (!this.captions) return;
    const { reply } = this.#captions;
    const playedMs = reply === this.#played ? null : (this.client?.playedMs(reply) ?? 0);
    this.#view.caption(this.#captions.user, reply === 0 ? null : this.#captions.agent(playedMs));
  }

  #update(): void {
    const { state, isOn, problem, lacksPart, client } = this.#conversation;
    this.#view.update({
      state,
      isOn,
      muted: this.muted,
      hasMicrophone: client !== null && client.microphone.state === "on",
      isSilenced: client?.microphone.silenced ?? false,
      pushToTalk: this.pushToTalk,
      isBlocked: client?.speakerState === "blocked",
      problem: problem?.message ?? "",
      canRetry: lacksPart,
      labels: this.#labels,
    });
    if (!this.captions) this.#view.caption(null, null);
    const previous = this.#state;
    this.#stage.wake();
    if (state === previous) return;
    this.#state = state;
    this.setAttribute("state", state);
    this.#emit("state", { state, previous });
  }

  #emit<K extends keyof VoiceAvatarEventMap>(type: K, detail: VoiceAvatarEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
