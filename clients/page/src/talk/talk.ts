/** One conversation after another: the client, what was said in it, and what became of both. */

import { VoiceClient, VoiceError } from "@voicesrv/web";
import type { Server, ServerError } from "../shared/server.js";
import { aside, type Problem } from "./advice.js";
import { type Preferences, settingsOf } from "./choices.js";
import { type Change, Conversation, type Turn } from "./conversation.js";
import type { Stage } from "./latency.js";
import type { Saved } from "./saved.js";
import { Stopwatch } from "./stopwatch.js";
import { type On, watchSound, watchTimes } from "./watching.js";

/** What a talk tells the page. */
export interface TalkHooks {
  changed(changes: Change[]): void;
  /** Connection, microphone, phase or what sounds: look again. */
  moved(): void;
  level(rms: number): void;
  failed(problem: Problem): void;
  /** Of these things all is well. */
  well(what: "connection" | "microphone" | "sound" | "answer"): void;
  /** The server did none of these changes. */
  refused(changes: object): void;
  /** Tell those who do not see the page. */
  announce(text: string): void;
}

const SETTLING = ["ready", "turn.start", "turn.resume", "transcript", "turn.end", "reply.start", "reply.text"] as const;
const CONVERSING = [...SETTLING, "words", "reply.end"] as const;

/** Holds the one client that is in use. */
export class Talk {
  client: VoiceClient;
  conversation = new Conversation();
  held = false;
  /** Whether the microphone is wanted: it goes with a connection that ends, and comes back with the next. */
  listens = false;
  readonly #server: Server;
  readonly #hooks: TalkHooks;
  readonly #preferences: () => Preferences;
  #stopwatch = new Stopwatch();
  #refusal: ServerError | null = null; // why there was no token
  #maxTextBytes = 65_536; // what a server takes that says nothing else
  #typed = 0; // turns that were typed here and are not confirmed yet
  #voiced = 0; // the latest reply with a voice

  /**
   * @param preferences read whenever a conversation begins.
   * @param join the id of a conversation of somebody else's.
   */
  constructor(server: Server, preferences: () => Preferences, hooks: TalkHooks, join?: string) {
    this.#server = server;
    this.#preferences = preferences;
    this.#hooks = hooks;
    this.client = this.#made(join === undefined ? {} : { conversation: join });
  }

  /** Go on where a page that is gone stopped. */
  resume({ conversation, session, listening }: Saved): void {
    this.conversation = conversation;
    this.listens = listening;
    this.client = this.#made({ session });
    this.#hooks.changed(conversation.items.map((item) => ({ type: "put", item })));
  }

  /** Hang up, and have the next begin with nothing. */
  async anew(): Promise<void> {
    const old = this.client;
    this.listens = this.held = false;
    this.client = this.#made({});
    const gone = this.conversation.items.map((item) => ({ type: "drop", item }) as const);
    this.conversation = new Conversation();
    this.#hooks.changed(gone);
    this.#hooks.moved();
    await old.disconnect();
  }

  /** Connect where there is no connection. Says itself what failed. */
  async connect(): Promise<boolean> {
    const { client } = this;
    if (client.state === "connected") return true;
    try {
      await this.#connect(client);
      return true;
    } catch (error) {
      this.#failed(error as VoiceError, client);
      return false;
    }
  }

  /** Connect, and have the microphone on where it was on before. */
  async goOn(): Promise<boolean> {
    if (!(await this.connect())) return false;
    return !this.listens || this.client.microphone.state !== "off" || this.startMicrophone();
  }

  async startMicrophone(): Promise<boolean> {
    const { client } = this;
    try {
      // The permission is asked for at once, in the click.
      await Promise.all([this.#openMicrophone(client), client.state === "idle" && this.#connect(client)]);
      return true;
    } catch (error) {
      this.#failed(error as VoiceError, client);
      return false;
    }
  }

  async #connect(client: VoiceClient): Promise<void> {
    const connected = client.connect();
    if (this.#preferences().speaker !== "") void this.useSpeaker(); // it is being opened anyway
    await connected;
  }

  /** Open the one that was chosen; where that is gone, any. */
  async #openMicrophone(client: VoiceClient): Promise<void> {
    const { microphone } = this.#preferences();
    const opening = client.startMicrophone(...(microphone === "" ? [] : [{ deviceId: microphone }]));
    await opening.catch((error: VoiceError) => {
      if (microphone === "" || error.code !== "microphone_missing") throw error;
      return client.startMicrophone();
    });
    this.listens = client.microphone.state !== "off"; // else it was turned off meanwhile
  }

  /** Have replies heard where it was chosen; a device that is gone, or not allowed yet, leaves the sound where it is. */
  async useSpeaker(): Promise<void> {
    await this.client.useSpeaker(this.#preferences().speaker).catch(() => undefined);
  }

  /** Have replies heard elsewhere from now on. @returns whether they are. Says itself what failed. */
  async chooseSpeaker(deviceId: string): Promise<boolean> {
    const { client } = this;
    try {
      await client.useSpeaker(deviceId);
    } catch (error) {
      this.#failed(error as VoiceError, client);
      return false;
    }
    if (client.speakerState === "on") this.#hooks.well("sound");
    return true;
  }

  /** Ask once more for sound where the browser blocked it. */
  async startSpeaker(): Promise<void> {
    const { client } = this;
    await client.startSpeaker().catch((error: VoiceError) => this.#failed(error, client));
  }

  /** Say why there is neither microphone nor sound before anybody asks for it. */
  explainInsecure(): void {
    this.#failed(new VoiceError("insecure_context"), this.client);
  }

  async toggleMicrophone(): Promise<void> {
    if (this.client.microphone.state === "off") {
      await this.startMicrophone();
    } else {
      this.listens = false;
      this.client.stopMicrophone();
    }
  }

  /** Push to talk: the button is down. */
  async press(): Promise<void> {
    this.held = true;
    this.#hooks.moved();
    const isOn = this.client.microphone.state === "on" || (await this.startMicrophone());
    if (!isOn) this.held = false;
    else if (this.held) this.client.startTalking();
    this.#hooks.moved();
  }

  async release(): Promise<void> {
    this.held = false;
    this.#hooks.moved();
    const { pushToTalk, microphone, muted } = this.client;
    // Else hold to talk was turned off meanwhile, and the microphone stays on.
    if (pushToTalk && microphone.state === "on" && !muted) await this.client.stopTalking();
  }

  /** How large the message of a typed text may be, in bytes. */
  get maxTextBytes(): number {
    return this.#maxTextBytes;
  }

  /** @returns whether it was sent; without a connection, once there is one or it is given up. Says itself what failed. */
  async type(text: string): Promise<boolean> {
    if (this.client.state !== "connected" && !(await this.#connects(text))) return false;
    try {
      this.client.sendText(text);
    } catch (error) {
      const { code } = error as VoiceError; // that it is too large is told beside the entry, where it is again
      if (code !== "too_large") this.#failed(error as VoiceError, this.client);
      return false;
    }
    this.#stopwatch.typed(performance.now());
    this.#typed++;
    return true;
  }

  /** Connect, and show what waits for that. @returns whether there is a connection. */
  async #connects(text: string): Promise<boolean> {
    const { client } = this;
    const item: Turn = { kind: "turn", number: 0, stable: text, tentative: "", settled: false, typed: true };
    this.#hooks.changed([{ type: "put", item }]);
    try {
      if (!(await this.connect())) return false;
      if (client.state === "reconnecting") {
        await new Promise((moved) => client.addEventListener("state", moved, { once: true }));
      }
      return client === this.client && client.state === "connected";
    } finally {
      this.#hooks.changed([{ type: "drop", item }]);
    }
  }

  #made(options: Pick<ConstructorParameters<typeof VoiceClient>[0] & object, "conversation" | "session">): VoiceClient {
    const preferences = this.#preferences();
    const client = new VoiceClient({
      url: this.#server.url("ws").href,
      token: () => this.#token(),
      settings: settingsOf(preferences),
      pushToTalk: preferences.pushToTalk,
      ...options,
    });
    this.#stopwatch = new Stopwatch();
    this.#typed = this.#voiced = 0;
    this.#listen(client);
    return client;
  }

  async #token(): Promise<string | undefined> {
    this.#refusal = null;
    return this.#server.token().catch((error: ServerError) => {
      this.#refusal = error;
      // A refused key is refused again, so it is not tried until there is another.
      throw error.code === "unauthorized" ? new VoiceError(error.code, error.message) : error;
    });
  }

  #listen(client: VoiceClient): void {
    const on: On = (type, listener) =>
      client.addEventListener(type, ({ detail }) => {
        if (client === this.client) listener(detail as Parameters<typeof listener>[0]); // one that hangs up is past
      });
    const hooks = this.#hooks;
    for (const type of CONVERSING) on(type, (event) => hooks.changed(this.conversation.apply(event)));
    on("ready", ({ limits }) => {
      if (typeof limits.text_bytes === "number") this.#maxTextBytes = limits.text_bytes;
      hooks.well("connection");
    });
    on("turn.end", ({ text, cause }) => {
      const isTypedHere = cause === "text" && this.#typed > 0;
      if (isTypedHere) this.#typed--;
      else if (text !== "") hooks.announce(`You: ${text}`);
      hooks.well("answer");
    });
    on("reply.end", ({ text, cause, reply }) => {
      // What is heard is not to be read aloud as well, into the microphone at that.
      const isHeard = reply === this.#voiced && client.speakerState === "on";
      if (cause === "complete" && !isHeard) hooks.announce(`Reply: ${text}`);
      this.#stopwatch.forget(reply);
    });
    on("audio", ({ reply }) => {
      this.#voiced = reply;
    });
    on("configured", () => hooks.well("answer"));
    on("state", () => hooks.moved());
    on("phase", () => hooks.moved());
    on("microphone", ({ state }) => {
      if (state === "on") hooks.well("microphone");
      if (state === "on" && this.#preferences().speaker !== "") void this.useSpeaker(); // now it is allowed
      hooks.moved();
    });
    on("level", ({ rms }) => hooks.level(rms));
    watchSound(on, client, hooks);
    on("error", (error) => {
      // Its scripts come from the server: without a connection that is the fault, and the first reply opens it again.
      if (error.code !== "audio" || client.state === "connected") this.#failed(error, client);
    });
    on("warning", ({ code, message }) => hooks.failed(aside(code, message)));
    watchTimes(on, client, this.#stopwatch, (reply, stages) => this.#timed(reply, stages));
    on("playing", ({ reply, playing }) => {
      if (!playing) this.conversation.forgetWords(reply);
      hooks.moved();
    });
  }

  #timed(number: number, stages: Stage[]): void {
    const reply = this.conversation.reply(number);
    if (reply === undefined) return;
    reply.stages = stages;
    this.#hooks.changed([{ type: "put", item: reply }]);
  }

  #failed(error: VoiceError, client: VoiceClient): void {
    if (client !== this.client) return; // one that was left
    const refusal = error.code === "token" ? this.#refusal : null;
    const { code, message, retryAfterMs } = refusal ?? error;
    const connection =
      client.state === "connected" ? "connected" : client.state === "idle" || error.fatal ? "over" : "trying";
    this.#hooks.failed({ code, message, detail: refusal?.message ?? error.detail, retryAfterMs, connection });
    if (error.refused !== null) this.#hooks.refused(error.refused);
    this.#hooks.moved();
  }
}
