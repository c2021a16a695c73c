/**
 * Sends what is given to it, in order and at the server's pace, over one connection after another. The twin of
 * clients/python/voicesrv_client/sending.py.
 */

import { VoiceError } from "./errors.js";
import type { Ready } from "./events.js";
import { Outgoing, type Unconfirmed } from "./outgoing.js";
import { Pace } from "./pace.js";
import { type Command, encodeCommand, messageBytes } from "./protocol.js";
import type { World } from "./world.js";

/* What `docs/protocol.md` says that a server takes, until it has said so itself: */
const TEXT_BYTES = 65_536;
const MESSAGES_PER_S = 20;
const MESSAGES_AT_ONCE = 40;
const MAX_BUFFERED = 64_000;
/* Bytes given to the socket at once, 2 s of audio; what is beyond waits in the ring. */
const DRAIN_MS = 200;
/* Until it is looked whether a full socket takes more. */

/** What is needed of a connection. */
export interface Wire {
  /** Whether it takes messages; one that is closing does not, before it has told that it is closed. */
  readonly isOpen: boolean;
  /** Bytes that wait for the network. */
  readonly waiting: number;
  send(message: string | Int16Array<ArrayBuffer>): void;
}

/** What was before a connection: nothing, another conversation, which is lost, or the same one. */
export type Before = "none" | "lost" | "same";

/** The outgoing half of a conversation. */
export class Sender {
  readonly #world: World;
  readonly #outgoing: Outgoing;
  readonly #pace = new Pace();
  #wire: Wire | null = null;
  #callOff: (() => void) | null = null;

  /**
   * @param keepMs of audio that is kept; what is older is dropped.
   * @param unconfirmed of the page that this one goes on for.
   */
  constructor(world: World, keepMs: number, unconfirmed?: readonly Unconfirmed[]) {
    this.#world = world;
    this.#outgoing = new Outgoing(keepMs, unconfirmed);
    this.#outgoing.maxBytes = TEXT_BYTES;
  }

  /** Commands that the server may not have. */
  get unconfirmed(): Unconfirmed[] {
    return this.#outgoing.unconfirmed;
  }

  // --- connections --------------------------------------------------------------------------------

  /**
   * Go on over another connection.
   *
   * @param first commands that come before all that waits, but those that wait in their places.
   * @returns how many ms of audio neither side has any more.
   */
  connected(
    wire: Wire,
    ready: Pick<Ready, "received_ms" | "received_messages" | "limits">,
    before: Before,
    first: readonly Command[],
  ): number {
    let lostMs = 0;
    if (before === "none") this.#outgoing.begin(ready);
    else if (before === "lost") this.#outgoing.restart(ready);
    else lostMs = this.#outgoing.rewind(ready);
    this.#outgoing.addFirst(first);
    const { text_bytes, control_messages_per_s, control_burst } = ready.limits;
    this.#outgoing.maxBytes = Number(text_bytes ?? TEXT_BYTES);
    const perSecond = Number(control_messages_per_s ?? MESSAGES_PER_S);
    this.#pace.start(perSecond, Number(control_burst ?? MESSAGES_AT_ONCE), this.#world.now());
    this.#wire = wire;
    this.#send();
    return lostMs;
  }

  /** The connection is gone, or nothing more is to go over it; what is given meanwhile waits for the next. */
  down(): void {
    this.#wire = null;
    this.#callOff?.();
    this.#callOff = null;
  }

  // --- what is given ------------------------------------------------------------------------------

  /**
   * Put a command into words.
   *
   * @throws {VoiceError} `too_large`: the server would close.
   * @throws {TypeError} it is no JSON.
   */
  encoded(command: Command): string {
    const message = encodeCommand(command);
    const [bytes, most] = [messageBytes(message), this.#outgoing.maxBytes];
    if (bytes <= most) return message;
    throw new VoiceError("too_large", `${command.type}: ${bytes} bytes are over the ${most} that the server takes`);
  }

  /** Keep audio and send it, at once or when the connection is back. */
  hear(samples: Int16Array): void {
    this.#outgoing.hear(samples);
    this.#send();
  }

  /**
   * Send a command, at once or when the connection is back; what was heard before it goes before it. It is sent again
   * on the next connection if this one swallows it.
   *
   * @param message the command, encoded.
   * @returns false where too many wait.
   */
  add(command: Command, message: string): boolean {
    if (!this.#outgoing.add(command, message)) return false;
    this.#send();
    return true;
  }

  /** Send a command past what waits, or forget it where there is no connection; a report, also where the pace is used up. */
  sendPast(command: Command): void {
    if (!this.#wire?.isOpen) return;
    const now = this.#world.now();
    if (command.type === "playback" && !this.#pace.hasAny(now)) return; // another follows
    this.#pace.spend(now);
    this.#outgoing.count();
    this.#wire.send(encodeCommand(command));
  }

  /** The conversation that was to go on is lost. */
  forget(): void {
    this.#outgoing.forget();
  }

  /** Look whether the time has come for a command that waits: the timers of a hidden tab run late. */
  nudge(): void {
    if (this.#outgoing.hasCommands) this.#send();
  }

  #send(): void {
    while (this.#wire?.isOpen) {
      const { hasCommands, hasPlaced } = this.#outgoing;
      const isFull = this.#wire.waiting >= MAX_BUFFERED && !hasPlaced; // the end of a turn does not wait
      const now = this.#world.now();
      const paceMs = this.#pace.waitMs(now);
      const next = isFull ? null : this.#outgoing.next(paceMs === 0);
      if (next === null) {
        if (isFull || hasCommands) this.#sendIn(isFull ? DRAIN_MS : paceMs);
        return;
      }
      if (typeof next === "string") this.#pace.spend(now);
      this.#wire.send(next);
    }
  }

  #sendIn(ms: number): void {
    this.#callOff ??= this.#world.after(ms, () => {
      this.#callOff = null;
      this.#send();
    });
  }
}
