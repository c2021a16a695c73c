/** Keeps a conversation connected: opens, notices drops, comes back and says again what got lost. */

import { type Closing, Connection, givenUp, lost } from "./connection.js";
import { type Destination, dial } from "./dial.js";
import { VoiceError } from "./errors.js";
import type { Ready, ServerEvent } from "./events.js";
import { Heartbeat } from "./heartbeat.js";
import { Outgoing } from "./outgoing.js";
import { Pace } from "./pace.js";
import { type Audio, afterClose, backoffMs, buildUrl, type Command, encodeCommand, Incoming } from "./protocol.js";
import { type Changes, type Session, UPKEEP, type Upkeep } from "./settings.js";
import type { Wishes } from "./wishes.js";
import type { World } from "./world.js";

/** What a link tells. */
export interface Hooks {
  received(event: ServerEvent | Audio): void;
  /** The connection is gone; it will be tried again. */
  down(): void;
  /** Something went wrong, and it goes on; after a try that failed another follows. */
  trouble(error: VoiceError): void;
  /** The conversation is over; null where that was asked for. */
  over(error: VoiceError | null): void;
}

const KEEPALIVE = "keepalive";
const LONGEST_ID = "configure-999999";
/* What `docs/protocol.md` says that a server takes, until it has said so itself: */
const TEXT_BYTES = 65_536;
const MESSAGES_PER_S = 20;
const MESSAGES_AT_ONCE = 40;
const STEADY_MS = 5_000;
/* A connection that lived this long was a good one: the next drop starts the backoff anew. */
const MAX_BUFFERED = 64_000;
/* Bytes given to the socket at once, 2 s of audio; what is beyond waits in the ring. */
const DRAIN_MS = 200;
/* Until it is looked whether a full socket takes more. */

/** One conversation over as many connections as it takes. */
export class Link {
  conversation = "";
  reconnections = 0;
  /** Input audio that was lost because a drop lasted longer than what is kept. */
  lostMs = 0;
  /** Settles when it is over. */
  readonly ended: Promise<void>;
  readonly #to: Destination;
  readonly #wishes: Wishes;
  readonly #upkeep: Upkeep;
  readonly #world: World;
  readonly #hooks: Hooks;
  readonly #heartbeat: Heartbeat;
  readonly #outgoing: Outgoing;
  readonly #pace = new Pace();
  readonly #end = new AbortController();
  #session: Session | null;
  #incoming: Incoming;
  #connection: Connection | null = null;
  #isClosing = false;
  #attempt = 0;
  #upSince = 0;
  #textBytes = TEXT_BYTES; // in one message
  #hurry: () => void = () => undefined;
  #callOffPump: (() => void) | null = null;
  #callOffWake: (() => void) | null = null;

  /**
   * Check the address; nothing is opened yet.
   *
   * @param session a conversation to go on with; null for a new one.
   * @throws {TypeError} the URL is none.
   */
  constructor(to: Destination, session: Session | null, hooks: Hooks, world: World, upkeep: Upkeep = UPKEEP) {
    buildUrl(to.url, {}, world.base);
    this.#to = to;
    this.#wishes = to.wishes;
    this.#session = session;
    this.#incoming = new Incoming(session ?? undefined);
    this.#hooks = hooks;
    this.#world = world;
    this.#upkeep = upkeep;
    this.#outgoing = new Outgoing(upkeep.ringMs);
    this.#heartbeat = new Heartbeat(
      world.after,
      upkeep.pongMs,
      () => this.sendIfUp({ type: "ping", id: KEEPALIVE }),
      () => this.#dropped(lost("the server fell silent")),
    );
    this.ended = new Promise((resolve) => this.#end.signal.addEventListener("abort", () => resolve()));
  }

  /** What a new page needs to go on; null before the first connection, or after the end. */
  get session(): Session | null {
    return this.#session && { ...this.#session, ...this.#incoming.resumeQuery() };
  }

  /** Whether a connection stands. */
  get up(): boolean {
    return this.#connection !== null;
  }

  /** Whether the end was asked for. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Connect for the first time. A server that is full and says when to come again is tried again.
   *
   * @throws {VoiceError} it is not reached, or refuses; `closed`, at once, where it is given up meanwhile.
   */
  async open(): Promise<void> {
    const gaveUp = this.ended.then(() => {
      throw givenUp().error;
    });
    try {
      await Promise.race([this.#openFirst(), gaveUp]);
    } catch (error) {
      this.#end.abort(); // whoever waits for the end is told
      throw error;
    }
  }

  /** Where it waits to try again, try now. */
  hurry(): void {
    this.#hurry();
  }

  /** End it here and now. */
  close(): void {
    this.#finish(null);
  }

  // --- out ----------------------------------------------------------------------------------------

  /** Keep audio and send it, at once or when the connection is back. */
  sendAudio(samples: Int16Array): void {
    this.#outgoing.hear(samples);
    this.#pump();
  }

  /**
   * Send a command, at once or when the connection is back; what was heard before it is sent before it. One that a
   * dying connection swallows is sent again.
   *
   * @throws {VoiceError} `not_connected`: the conversation is over; `rate_limited`: too many commands wait;
   *   `too_large`.
   * @throws {TypeError} it is no JSON.
   */
  send(command: Command): void {
    const message = this.#encode(command);
    if (this.#isOver) throw new VoiceError("not_connected", "it is over");
    if (!this.#offer(command, message)) throw new VoiceError("rate_limited", "too many commands wait");
  }

  /** The same, but what cannot be sent is forgotten. @returns whether it can. */
  offer(command: Command): boolean {
    return this.#offer(command, encodeCommand(command));
  }

  /** Send a command past what waits, or forget it: it would be stale after a reconnection. */
  sendIfUp(command: Command): void {
    if (this.#connection === null) return;
    const now = this.#world.now();
    if (command.type === "playback" && !this.#pace.hasAny(now)) return; // another follows
    this.#pace.spend(now);
    this.#outgoing.count();
    this.#connection.send(encodeCommand(command));
  }

  /**
   * Ask for other settings, at once or when the connection is back.
   *
   * @throws {VoiceError} `too_large`: the server would close; `rate_limited`: too many changes wait.
   * @throws {TypeError} they are no JSON.
   */
  configure(changes: Changes): void {
    this.#encode({ type: "configure", id: LONGEST_ID, ...changes });
    const command = this.#wishes.ask(changes);
    if (command === null) throw new VoiceError("rate_limited", "too many changes wait");
    if (this.up) this.send(command);
  }

  /** Ask the server to close and to say no more; what waits is forgotten. */
  leave(): void {
    this.#isClosing = true;
    this.#outgoing.drop();
    this.sendIfUp({ type: "cancel" });
    this.sendIfUp({ type: "close" });
  }

  /** Ask the server to finish what was said and close; asked again after a drop. */
  finish(): void {
    this.#isClosing = true;
    if (this.up) this.send({ type: "close" });
  }

  #encode(command: Command): string {
    const message = encodeCommand(command);
    const size = new TextEncoder().encode(message).length;
    if (size <= this.#textBytes) return message;
    throw new VoiceError(
      "too_large",
      `${command.type}: ${size} bytes are over the ${this.#textBytes} that the server takes`,
    );
  }

  #offer(command: Command, message: string): boolean {
    if (this.#isOver || !this.#outgoing.add(command, message)) return false;
    this.#pump();
    return true;
  }

  #pump(): void {
    while (this.#connection !== null) {
      const { hasCommands } = this.#outgoing;
      const isFull = this.#connection.waiting >= MAX_BUFFERED && !hasCommands;
      const now = this.#world.now();
      const paceMs = this.#pace.waitMs(now);
      const next = isFull ? null : this.#outgoing.next(paceMs === 0);
      if (next === null) {
        if (isFull || hasCommands) this.#pumpIn(isFull ? DRAIN_MS : paceMs);
        return;
      }
      if (typeof next === "string") this.#pace.spend(now);
      this.#connection.send(next);
    }
  }

  #pumpIn(ms: number): void {
    this.#callOffPump ??= this.#world.after(ms, () => {
      this.#callOffPump = null;
      this.#pump();
    });
  }

  // --- in -----------------------------------------------------------------------------------------

  #receive(message: string | ArrayBuffer): void {
    this.#heartbeat.heard();
    try {
      const event = this.#incoming.receive(message);
      if (event !== null) this.#take(event);
      if (this.#outgoing.hasCommands) this.#pump(); // a hidden tab's timers run late
    } catch (error) {
      if (!(error instanceof VoiceError)) throw error; // a fault of ours
      this.#finish(error);
    }
  }

  #take(event: ServerEvent | Audio): void {
    if (event.type === "error" && event.fatal) {
      this.#connection?.explain(event);
    } else if (event.type === "error") {
      const { code, message, retry_after_ms, id } = event;
      const refused = this.#wishes.refused(id);
      this.#hooks.trouble(new VoiceError(code, message, { retryAfterMs: retry_after_ms, refused }));
    } else if (event.type !== "pong" || event.id !== KEEPALIVE) {
      if (event.type === "configured") this.#wishes.agreed(event.id);
      this.#hooks.received(event);
    }
  }

  // --- connections --------------------------------------------------------------------------------

  async #openFirst(): Promise<void> {
    const giveUpAt = this.#world.now() + this.#upkeep.giveUpMs;
    for (;;) {
      try {
        return await this.#open();
      } catch (thrown) {
        if (this.#isOver) throw givenUp().error;
        const { code, error } = this.#startAnew(thrown as Closing);
        const next = afterClose(code);
        const worthwhile = next === "restart" || (next === "resume" && error.retryAfterMs !== null);
        const pauseMs = this.#pauseMs(error);
        if (!worthwhile || !this.#upkeep.reconnect || this.#world.now() + pauseMs > giveUpAt) throw error;
        this.#hooks.trouble(error);
        await this.#pause(pauseMs);
        if (this.#isOver) throw givenUp().error;
      }
    }
  }

  #dropped(closing: Closing): void {
    this.#hangUp();
    if (this.#world.now() - this.#upSince > STEADY_MS) this.#attempt = 0;
    void this.#comeBack(closing, this.#world.now() + this.#upkeep.giveUpMs);
  }

  async #comeBack(closing: Closing, giveUpAt: number): Promise<void> {
    for (let first = true; ; first = false) {
      closing = this.#startAnew(closing);
      const next = afterClose(closing.code);
      const pauseMs = this.#pauseMs(closing.error);
      const isTooLate = this.#world.now() + pauseMs > giveUpAt;
      if (next === "end") this.#finish(null);
      else if (next === "fail" || !this.#upkeep.reconnect || isTooLate) this.#finish(closing.error);
      if (this.#isOver) return;
      if (first) this.#hooks.down();
      if (!first || closing.error.code !== "closed") this.#hooks.trouble(closing.error);
      await this.#pause(pauseMs);
      if (this.#isOver) return;
      try {
        return await this.#open();
      } catch (thrown) {
        closing = thrown as Closing;
      }
    }
  }

  /** Forget a conversation that is lost; so is one that is not found, as a restarted server may know nothing of us. */
  #startAnew(closing: Closing): Closing {
    const isUnknown = this.#session !== null && closing.code === 4504;
    if (isUnknown) closing = { code: 4007, error: new VoiceError("state_lost", closing.error.detail) };
    if (closing.code === 4007) {
      this.#session = null;
      if (this.conversation === "") this.#wishes.anew(); // no other has begun with what is wanted
    }
    return closing;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#hurry = resolve;
      void this.#world.wait(ms).then(resolve);
    });
  }

  #pauseMs(error: VoiceError): number {
    return Math.max(error.retryAfterMs ?? 0, backoffMs(this.#attempt++, this.#world.random()));
  }

  /** @throws {Closing} */
  async #open(): Promise<void> {
    const session = this.session;
    const listener = {
      message: (message: string | ArrayBuffer) => this.#receive(message),
      closed: (closing: Closing) => this.#dropped(closing),
    };
    const { signal } = this.#end;
    const socket = await dial(this.#to, session, this.#world, signal);
    const [connection, ready] = await Connection.open(socket, listener, signal);
    if (this.#isOver) {
      connection.abandon();
      throw givenUp();
    }
    const again = this.conversation !== "";
    this.#connection = connection;
    this.#welcome(session, ready);
    if (again) this.reconnections++;
    this.#outgoing.addFirst(this.#wishes.unanswered);
    this.#hooks.received(ready);
    this.#pump();
    if (this.#isClosing) this.offer({ type: "close" });
  }

  #welcome(session: Session | null, ready: Ready): void {
    if (session === null) {
      this.#incoming = new Incoming({ after: ready.seq }); // what was told before is not for us
      this.#wishes.begun();
    } else {
      this.#incoming.resumed();
    }
    if (this.conversation === "") this.#outgoing.begin(ready);
    else if (session === null) this.#outgoing.restart(ready);
    else this.lostMs += this.#outgoing.rewind(ready);
    this.conversation = ready.conversation;
    this.#session = { conversation: ready.conversation, resume: ready.resume, after: 0 };
    this.#upSince = this.#world.now();
    const idleMs = Number(ready.limits.idle_timeout_s ?? Number.POSITIVE_INFINITY) * 1000;
    const { text_bytes, control_messages_per_s, control_burst } = ready.limits;
    this.#textBytes = Number(text_bytes ?? TEXT_BYTES);
    const perSecond = Number(control_messages_per_s ?? MESSAGES_PER_S);
    this.#pace.start(perSecond, Number(control_burst ?? MESSAGES_AT_ONCE), this.#world.now());
    this.#heartbeat.start(Math.min(this.#upkeep.keepaliveMs, idleMs / 3));
    this.#callOffWake = this.#world.onWake(() => this.#heartbeat.check());
  }

  // --- the end ------------------------------------------------------------------------------------

  get #isOver(): boolean {
    return this.#end.signal.aborted;
  }

  #hangUp(): void {
    this.#connection?.abandon();
    this.#connection = null;
    this.#heartbeat.stop();
    this.#callOffPump?.();
    this.#callOffWake?.();
    this.#callOffPump = this.#callOffWake = null;
  }

  #finish(error: VoiceError | null): void {
    this.#hangUp();
    if (this.#isOver) return;
    if (error === null) this.#session = null;
    else error.fatal = true;
    if (error?.code === "too_large") this.#wishes.forget(); // or it would be the end of every connection
    this.#end.abort();
    this.#hooks.over(error);
  }
}
