/** Connecting, hanging up, connecting again: what was called last is what comes of it. */

import { atMost } from "./at-most.js";
import type { ClientState } from "./client-events.js";
import { type Session, UPKEEP, type VoiceClientOptions } from "./client-options.js";
import type { VoiceError } from "./errors.js";
import type { Ready, ServerEvent } from "./events.js";
import { Link } from "./link.js";
import type { Audio } from "./protocol.js";
import type { Wishes } from "./wishes.js";
import { without } from "./without.js";
import { pageWorld } from "./world.js";

/** What is told of it. */
export interface LifetimeHooks {
  /** A connection stands; `entered` and `received` are told next. */
  begun(ready: Ready): void;
  entered(state: ClientState, previous: ClientState): void;
  received(event: ServerEvent | Audio): void;
  error(error: VoiceError): void;
  /** The conversation is over; `entered` is told next. */
  ended(): void;
}

const FAREWELL_MS = 2000;
/* What a server gets for its goodbye when nobody wants to hear more. */

/**
 * The links of a client, one after the other.
 *
 * There is one link or none. A hang-up under way keeps its own until the server has said goodbye; who connects
 * meanwhile ends that at once, so the new link never waits for the old, and the hang-up finds nothing left to do.
 */
export class Lifetime {
  state: ClientState = "idle";
  /** How often there was a new link. */
  count = 0;
  /** Whether it is being hung up, and nobody wants to hear more. */
  isLeaving = false;
  readonly #options: VoiceClientOptions;
  readonly #wishes: Wishes;
  readonly #hooks: LifetimeHooks;
  #link: Link | null = null;
  #opening: Promise<void> = Promise.resolve(); // of the link that there is
  #session: Session | null;

  constructor(options: VoiceClientOptions, wishes: Wishes, hooks: LifetimeHooks) {
    this.#options = options;
    this.#wishes = wishes;
    this.#hooks = hooks;
    this.#session = options.session ?? null;
  }

  /** What goes on, or could. */
  get session(): Session | null {
    return this.#link?.session ?? this.#session;
  }

  /** Null while `idle`. */
  get link(): Link | null {
    return this.#link;
  }

  /** Connect where there is no connection, at once where it waits to be tried again; see `VoiceClient`. */
  connect(): Promise<void> {
    if (this.#link?.isClosing) this.#link.close();
    if (this.#link === null) this.#opening = this.#open();
    else this.#link.hurry();
    return this.#opening;
  }

  /**
   * Hang up; settles when that is done.
   *
   * @param finish let the server finish what was said, and what waits for a connection that is made or comes back, as
   *   long as it is tried.
   */
  async disconnect(finish: boolean): Promise<void> {
    const { count } = this;
    const link = this.#link;
    if (link !== null) {
      this.isLeaving ||= !finish;
      if (finish) link.finish();
      else link.leave();
      if (finish) await link.ended;
      else if (link.up) await atMost(FAREWELL_MS, link.ended);
      link.close();
    }
    if (count === this.count) this.#session = null;
  }

  async #open(): Promise<void> {
    const { url = "/", token, conversation, upkeep } = this.#options;
    const to = {
      url,
      token: async () => (typeof token === "function" ? token() : token),
      wishes: this.#wishes,
      conversation,
    };
    const hooks = {
      received: (event: ServerEvent | Audio) => this.#received(event),
      down: () => this.#enter("reconnecting"),
      trouble: (error: VoiceError) => this.#hooks.error(error),
      over: (error: VoiceError | null) => this.#ended(error),
    };
    const link = new Link(to, this.#session, hooks, pageWorld, { ...UPKEEP, ...without(undefined, upkeep ?? {}) });
    this.#link = link;
    this.isLeaving = false;
    this.count++;
    this.#enter("connecting");
    try {
      await link.open();
    } catch (error) {
      if (this.#link === link) this.#ended(null);
      throw error;
    }
  }

  #received(event: ServerEvent | Audio): void {
    if (event.type === "ready") {
      this.#hooks.begun(event);
      this.#enter("connected");
    }
    this.#hooks.received(event);
  }

  #ended(error: VoiceError | null): void {
    this.#session = this.#link?.session ?? null;
    this.#link = null;
    this.#hooks.ended();
    if (this.#link === null) this.#enter("idle"); // else a listener has connected again
    if (error !== null) this.#hooks.error(error);
  }

  #enter(state: ClientState): void {
    const previous = this.state;
    if (state === previous) return;
    this.state = state;
    this.#hooks.entered(state, previous);
  }
}
