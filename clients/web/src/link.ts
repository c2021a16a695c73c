/** Keeps a conversation connected: opens, notices drops, comes back and says again what got lost. */

import { type Closing, Connection, lost, type Socket } from "./connection.js";
import { VoiceError } from "./errors.js";
import type { Ready, ServerEvent } from "./events.js";
import {
  type Audio,
  afterClose,
  backoffMs,
  buildUrl,
  type Command,
  encodeCommand,
  Incoming,
  type OptionValue,
  SUBPROTOCOL,
} from "./protocol.js";
import { MicrophoneRing } from "./ring.js";
import { type Session, type Settings, UPKEEP, type Upkeep } from "./settings.js";

/** What a link needs of the world. */
export interface World {
  /** The page's address. */
  base: string | undefined;
  connect(url: string, protocols: string[]): Socket;
  /** Wait so long, or less where trying sooner may help. */
  wait(ms: number): Promise<void>;
  /** ms of a clock that does not go back. */
  now(): number;
  /** Evenly distributed in [0, 1). */
  random(): number;
}

/** What a link tells. */
export interface Hooks {
  received(event: ServerEvent | Audio): void;
  /** The connection is gone; it will be tried again. */
  down(): void;
  /** A try failed, and another follows. */
  trouble(error: VoiceError): void;
  /** The conversation is over; null where that was asked for. */
  over(error: VoiceError | null): void;
}

const KEEPALIVE = "keepalive";
const STEADY_MS = 5_000;
/* A connection that lived this long was a good one: the next drop starts the backoff anew. */
const MAX_BUFFERED = 64_000;
/* Bytes given to the socket at once, 2 s of audio; what is beyond waits in the ring. */
const MAX_QUEUED = 100;
/* Commands that wait for the connection to come back. */

/** One conversation over as many connections as it takes. */
export class Link {
  conversation = "";
  reconnections = 0;
  /** Input audio that was lost because a drop lasted longer than what is kept. */
  lostMs = 0;
  readonly #url: string;
  readonly #token: () => Promise<string | undefined>;
  readonly #upkeep: Upkeep;
  readonly #world: World;
  readonly #hooks: Hooks;
  readonly #ring: MicrophoneRing;
  #query: Record<string, OptionValue | undefined>;
  #notInQuery: Pick<Settings, "instructions" | "tools">; // said to a new conversation
  #session: Session | null;
  #incoming: Incoming;
  #connection: Connection | null = null;
  #queue: Command[] = [];
  #closing = false;
  #over = false;
  #attempt = 0;
  #upSince = 0;
  #lastSent = 0;
  #lastReceived = 0;
  #pingedAt: number | null = null;

  /**
   * Check the address; nothing is opened yet.
   *
   * @param to.token called anew for each connection.
   * @param to.conversation one to join.
   * @param to.session one to go on with.
   * @throws {TypeError} the URL is none.
   */
  constructor(
    to: {
      url: string;
      token: () => Promise<string | undefined>;
      settings: Settings;
      conversation?: string | undefined;
      session?: Session | null;
    },
    hooks: Hooks,
    world: World,
    upkeep: Upkeep = UPKEEP,
  ) {
    buildUrl(to.url, {}, world.base);
    const { instructions, tools, ...query } = to.settings;
    this.#url = to.url;
    this.#token = to.token;
    this.#query = { ...query, conversation: to.conversation };
    this.#notInQuery = defined({ instructions, tools });
    this.#session = to.session ?? null;
    this.#incoming = new Incoming(to.session ?? undefined);
    this.#hooks = hooks;
    this.#world = world;
    this.#upkeep = upkeep;
    this.#ring = new MicrophoneRing(upkeep.ringMs);
  }

  /** What a new page needs to go on; null before the first connection, or after the end. */
  get session(): Session | null {
    return this.#session && { ...this.#session, ...this.#incoming.resumeQuery() };
  }

  /** Whether a connection stands. */
  get up(): boolean {
    return this.#connection !== null;
  }

  /**
   * Connect for the first time. A server that is full and says when to come again is tried again.
   *
   * @throws {VoiceError} it is not reached, or refuses.
   */
  async open(): Promise<Ready> {
    const giveUpAt = this.#world.now() + this.#upkeep.giveUpMs;
    for (;;) {
      try {
        return await this.#open();
      } catch (thrown) {
        const { code, error } = this.#startAnew(thrown as Closing);
        const next = afterClose(code);
        const worthwhile = next === "restart" || (next === "resume" && error.retryAfterMs !== null);
        if (this.#over || !worthwhile || !this.#upkeep.reconnect || this.#world.now() > giveUpAt) {
          this.#over = true;
          throw error;
        }
        this.#hooks.trouble(error);
        await this.#world.wait(this.#pauseMs(error));
        if (this.#over) throw error;
      }
    }
  }

  /** End it here and now. */
  close(): void {
    this.#end(null);
  }

  // --- out ----------------------------------------------------------------------------------------

  /** Keep audio and send it, at once or when the connection is back. */
  sendAudio(samples: Int16Array): void {
    this.#ring.append(samples);
    this.#sendPending(MAX_BUFFERED);
  }

  /**
   * Send a command, at once or when the connection is back.
   *
   * @throws {VoiceError} `not_connected`: the conversation is over, or too many commands wait.
   */
  send(command: Command): void {
    if (this.#over) throw new VoiceError("not_connected", "the conversation is over");
    if (this.#connection !== null) {
      this.#sendPending(Number.POSITIVE_INFINITY); // a finalize comes after the audio that it ends
      this.#say(command);
    } else if (this.#queue.length < MAX_QUEUED) {
      this.#queue.push(command);
    } else {
      throw new VoiceError("not_connected", `${MAX_QUEUED} commands wait for the connection`);
    }
  }

  /** Send a command that would be stale after a reconnection, or forget it. */
  sendIfUp(command: Command): void {
    if (this.#connection !== null) this.#say(command);
  }

  /** Change settings, and remember them for a new conversation. */
  configure(changes: Settings): void {
    const { instructions, tools, ...query } = changes;
    if (query.endpointing_ms !== undefined) delete this.#query.endpointing_max_ms; // alone, it means one wait
    Object.assign(this.#query, query);
    Object.assign(this.#notInQuery, defined({ instructions, tools }));
    this.send({ type: "configure", ...changes });
  }

  /** Ask the server to finish what was said and close; asked again after a drop. */
  finish(): void {
    this.#closing = true;
    if (this.#connection !== null) this.send({ type: "close" });
  }

  /** Look after the connection; to be called about once a second. */
  tick(): void {
    if (this.#connection === null) return;
    this.#sendPending(MAX_BUFFERED);
    const now = this.#world.now();
    if (this.#pingedAt !== null) {
      if (now - this.#pingedAt > this.#upkeep.pongMs) this.#dropped(lost("the server fell silent"));
    } else if (now - Math.min(this.#lastSent, this.#lastReceived) >= this.#upkeep.keepaliveMs) {
      this.#say({ type: "ping", id: KEEPALIVE });
      this.#pingedAt = now;
    }
  }

  #sendPending(maxBuffered: number): void {
    while (this.#connection !== null && this.#connection.waiting < maxBuffered) {
      const chunk = this.#ring.pending();
      if (chunk.length === 0) return;
      this.#connection.send(chunk);
      this.#lastSent = this.#world.now();
    }
  }

  #say(command: Command): void {
    this.#connection?.send(encodeCommand(command));
    this.#lastSent = this.#world.now();
  }

  // --- in -----------------------------------------------------------------------------------------

  #receive(message: string | ArrayBuffer): void {
    this.#lastReceived = this.#world.now();
    this.#pingedAt = null;
    try {
      const event = this.#incoming.receive(message);
      if (event === null || (event.type === "pong" && event.id === KEEPALIVE)) return;
      if (event.type === "error" && event.fatal) this.#connection?.explain(event);
      else this.#hooks.received(event);
    } catch (error) {
      if (!(error instanceof VoiceError)) throw error; // a fault of ours
      this.#end(error);
    }
  }

  #dropped(closing: Closing): void {
    this.#connection?.abandon();
    this.#connection = null;
    if (this.#world.now() - this.#upSince > STEADY_MS) this.#attempt = 0;
    void this.#comeBack(closing, this.#world.now() + this.#upkeep.giveUpMs);
  }

  async #comeBack(closing: Closing, giveUpAt: number): Promise<void> {
    for (let first = true; ; first = false) {
      const next = afterClose(closing.code);
      if (next === "end") this.#end(null);
      else if (next === "fail" || !this.#upkeep.reconnect || this.#world.now() > giveUpAt) this.#end(closing.error);
      if (this.#over) return;
      if (next === "restart") this.#session = null;
      if (first) this.#hooks.down();
      if (!first || closing.error.code !== "closed") this.#hooks.trouble(closing.error);
      await this.#world.wait(this.#pauseMs(closing.error));
      if (this.#over) return;
      try {
        await this.#open();
        return;
      } catch (thrown) {
        closing = this.#startAnew(thrown as Closing);
      }
    }
  }

  /** A restarted server may know nothing of us: a conversation that is not found is lost. */
  #startAnew(closing: Closing): Closing {
    if (this.#session === null || closing.code !== 4504) return closing;
    this.#session = null;
    return { code: 4007, error: new VoiceError("state_lost", closing.error.detail) };
  }

  #pauseMs(error: VoiceError): number {
    return Math.max(error.retryAfterMs ?? 0, backoffMs(this.#attempt++, this.#world.random()));
  }

  /** @throws {Closing} */
  async #open(): Promise<Ready> {
    const session = this.session;
    const [connection, ready] = await Connection.open(await this.#dial(session), {
      message: (message) => this.#receive(message),
      closed: (closing) => this.#dropped(closing),
    });
    if (this.#over) {
      connection.abandon();
      throw { code: 1000, error: new VoiceError("closed", "closed by the client") } satisfies Closing;
    }
    const again = this.conversation !== "";
    this.#connection = connection;
    this.#welcome(session, ready);
    if (again) this.reconnections++;
    this.#hooks.received(ready);
    this.#tell(session === null);
    return ready;
  }

  /** @throws {Closing} */
  async #dial(session: Session | null): Promise<Socket> {
    const query: Record<string, OptionValue | undefined> = { ...this.#query, ...session, refuse: "socket" };
    const protocols = [SUBPROTOCOL];
    const token = await this.#token().catch((cause) => {
      // As if nobody had answered: whoever gives tokens may be behind the same network that has just failed.
      throw { code: 1006, error: new VoiceError("token", String(cause), { cause }) } satisfies Closing;
    });
    // Where it can be a subprotocol it stays out of the address, which ends up in logs. RFC 9110, 5.6.2: a token.
    if (token !== undefined && /^[\w!#$%&'*+.^`|~-]+$/.test(token)) protocols.push(`token.${token}`);
    else query.token = token;
    try {
      return this.#world.connect(buildUrl(this.#url, query, this.#world.base), protocols);
    } catch (cause) {
      // Such as ws:// from a page of https://.
      throw { code: 1008, error: new VoiceError("unreachable", String(cause), { cause }) } satisfies Closing;
    }
  }

  #welcome(session: Session | null, ready: Ready): void {
    if (session === null) this.#incoming = new Incoming();
    else this.#incoming.resumed();
    if (this.conversation === "") this.#ring.begin(ready.received_ms);
    else if (session === null) this.#ring.restart(ready.received_ms);
    else this.lostMs += this.#ring.rewind(ready.received_ms);
    this.conversation = ready.conversation;
    this.#session = { conversation: ready.conversation, resume: ready.resume, after: 0 };
    this.#upSince = this.#lastSent = this.#lastReceived = this.#world.now();
    this.#pingedAt = null;
  }

  /** Tell a new connection what it cannot know. */
  #tell(isNew: boolean): void {
    if (isNew && Object.keys(this.#notInQuery).length > 0) this.#say({ type: "configure", ...this.#notInQuery });
    const queue = this.#queue;
    this.#queue = [];
    this.#sendPending(queue.length > 0 || this.#closing ? Number.POSITIVE_INFINITY : MAX_BUFFERED);
    for (const command of queue) this.#say(command);
    if (this.#closing) this.#say({ type: "close" });
  }

  #end(error: VoiceError | null): void {
    this.#connection?.abandon();
    this.#connection = null;
    if (this.#over) return;
    this.#over = true;
    if (error === null) this.#session = null;
    else error.fatal = true;
    this.#hooks.over(error);
  }
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
