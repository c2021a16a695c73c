/** Keeps a conversation connected: opens, notices drops, comes back and says again what got lost. */

import { type Session, UPKEEP, type Upkeep } from "./client-options.js";
import { type Closing, Connection, givenUp, lost } from "./connection.js";
import { type Destination, dial } from "./dial.js";
import { VoiceError } from "./errors.js";
import type { Ready, ServerEvent } from "./events.js";
import { Heartbeat } from "./heartbeat.js";
import { type Audio, afterClose, backoffMs, buildUrl, type Command, encodeCommand, Incoming } from "./protocol.js";
import { Sender } from "./sending.js";
import type { Changes } from "./settings.js";
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
const TRY_MS = 30_000;
/* How long a try waits for a token, and for `ready`: the server takes up to 20 s for engines that are not open yet. */
const SHORTEST_TRY_MS = 1_000;
/* A try that is begun in time is one, be there ever so little of it left. */
const STEADY_MS = 5_000;
/* A connection that lived this long was a good one: the next drop starts the backoff anew. */

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
  readonly #sender: Sender;
  readonly #end = new AbortController();
  #session: Session | null;
  #incoming: Incoming;
  #connection: Connection | null = null;
  #isClosing = false;
  #isLeaving = false;
  #attempt = 0;
  #upSince = 0;
  #hurry: () => void = () => undefined;
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
    this.#sender = new Sender(world, upkeep.ringMs, session?.unconfirmed);
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
    if (this.#session === null) return null;
    const { unconfirmed } = this.#sender;
    return { ...this.#session, ...this.#incoming.resumeQuery(), ...(unconfirmed.length > 0 && { unconfirmed }) };
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
      if (this.#isClosing) this.#session = null;
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
    this.#sender.hear(samples);
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
    const message = this.#sender.encoded(command);
    if (this.#isOver || this.#isLeaving) throw new VoiceError("not_connected", "it is over");
    if (!this.#sender.add(command, message)) throw new VoiceError("rate_limited", "too many commands wait");
  }

  /** The same, but what cannot be sent is forgotten. @returns whether it can. */
  offer(command: Command): boolean {
    return !this.#isOver && !this.#isLeaving && this.#sender.add(command, encodeCommand(command));
  }

  /** Send a command past what waits, or forget it where no connection stands: it would be stale after a reconnection. */
  sendIfUp(command: Command): void {
    this.#sender.sendPast(command);
  }

  /**
   * Ask for other settings, at once or when the connection is back.
   *
   * @throws {VoiceError} `too_large`: the server would close; `rate_limited`: too many changes wait.
   * @throws {TypeError} they are no JSON.
   */
  configure(changes: Changes): void {
    this.#sender.encoded({ type: "configure", id: LONGEST_ID, ...changes });
    const command = this.#wishes.ask(changes);
    if (command === null) throw new VoiceError("rate_limited", "too many changes wait");
    if (this.conversation !== "") this.offer(command); // else it goes first
  }

  /**
   * Ask the server to close, to answer nothing and to say no more; what waits is forgotten, as is what is given from
   * now on.
   */
  leave(): void {
    this.sendIfUp({ type: "close", finish: false });
    this.#sender.down();
    this.#isClosing = this.#isLeaving = true;
  }

  /** Ask the server to finish what was said and close; asked again after a drop. */
  finish(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.up) this.offer({ type: "close" });
  }

  // --- in -----------------------------------------------------------------------------------------

  #receive(message: string | ArrayBuffer): void {
    this.#heartbeat.heard();
    try {
      const event = this.#incoming.receive(message);
      if (event !== null) this.#take(event);
      this.#sender.nudge();
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
        return await this.#open(giveUpAt);
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
    if (this.#isLeaving) this.#finish(null);
    else void this.#comeBack(closing, this.#world.now() + this.#upkeep.giveUpMs);
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
        return await this.#open(giveUpAt);
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
      if (this.#session !== null) this.#attempt = 0; // the server is there: no more of the long waits
      this.#session = null;
      this.#sender.forget();
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
  async #open(giveUpAt: number): Promise<void> {
    const limitMs = Math.min(TRY_MS, Math.max(SHORTEST_TRY_MS, giveUpAt - this.#world.now()));
    const session = this.session;
    const listener = {
      message: (message: string | ArrayBuffer) => this.#receive(message),
      closed: (closing: Closing) => this.#dropped(closing),
    };
    const { signal } = this.#end;
    const socket = await dial(this.#to, session, this.#world, signal, limitMs);
    const [connection, ready] = await Connection.open(socket, listener, signal, this.#world.after, limitMs);
    if (this.#isOver) {
      connection.abandon();
      throw givenUp();
    }
    this.#welcome(connection, ready, session !== null);
    this.#hooks.received(ready);
    if (this.#isClosing) this.offer({ type: "close" });
  }

  #welcome(connection: Connection, ready: Ready, isSame: boolean): void {
    const isFirst = this.conversation === "";
    if (isSame) {
      this.#incoming.resumed();
    } else {
      this.#incoming = new Incoming({ after: ready.seq }); // what was told before is not for us
      this.#wishes.begun();
    }
    if (!isFirst) this.reconnections++;
    this.conversation = ready.conversation;
    this.#session = { conversation: ready.conversation, resume: ready.resume, after: 0 };
    this.#connection = connection;
    this.#upSince = this.#world.now();
    const idleMs = Number(ready.limits.idle_timeout_s ?? Number.POSITIVE_INFINITY) * 1000;
    this.#heartbeat.start(Math.min(this.#upkeep.keepaliveMs, idleMs / 3));
    this.#callOffWake = this.#world.onWake(() => this.#heartbeat.check());
    const before = isFirst ? "none" : isSame ? "same" : "lost";
    this.lostMs += this.#sender.connected(connection, ready, before, this.#wishes.unanswered);
  }

  // --- the end ------------------------------------------------------------------------------------

  get #isOver(): boolean {
    return this.#end.signal.aborted;
  }

  #hangUp(): void {
    this.#connection?.abandon();
    this.#connection = null;
    this.#sender.down();
    this.#heartbeat.stop();
    this.#callOffWake?.();
    this.#callOffWake = null;
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
