/**
 * What is to be sent, in order: the microphone's audio, and commands at their places in it. Pure. The twin of
 * clients/python/voicesrv_client/outgoing.py.
 */

import { type Command, encodeCommand, messageBytes } from "./protocol.js";
import { MicrophoneRing } from "./ring.js";

interface Placed {
  type: Command["type"];
  /** The command, encoded. */
  message: string;
  /** Text that more may be gathered behind; null for what is whole. */
  gathered: string | null;
  /** Position in the audio. */
  at: number;
}

interface Sent extends Placed {
  /** Its number among the text messages of this conversation, as the server counts them. */
  number: number;
}

/** A command that the server may not have. */
export interface Unconfirmed {
  type: Command["type"];
  /** The command, encoded. */
  message: string;
  /** Its number among the text messages of the conversation; null where it was never sent. */
  number: number | null;
}

/** What the server has, as `ready` tells it. */
export interface Received {
  received_ms: number;
  received_messages: number | null;
}

const MAX_COMMANDS = 100;
const SENT_KEPT = 100;
/* More than a person says within what a broken connection swallows. */
const MAX_GATHERED = 1000;
/* Characters in one message; the server takes 2000. */
const ROUNDING = 16;
/* Samples by which the server's count in ms may be short. */
const NEVER_SENT = Number.POSITIVE_INFINITY;
type Types = readonly Command["type"][];
const UNBOUNDED: Types = ["configure", "close"];
/* Whoever asks for them keeps a count of its own. */
const OF_A_CONVERSATION: Types = ["finalize", "cancel", "tool_result", "configure", "close"];
/* In another one they mean nothing, or are asked for anew. */
const OF_A_CONNECTION: Types = ["close"];
/* Asked for anew on the next. */
const OF_THE_AGENT: Types = ["speak", "flush"];
/* What the agent is to say has no place in what the user says. */
const LASTING: Types = ["text", "tool_result", ...OF_THE_AGENT];
/* These mean the same to a page that is loaded anew; others are asked for anew, or were about audio that is gone. */

/** Waits for a connection; what was sent is kept, so that what the server did not get can be sent again. */
export class Outgoing {
  /** Of the largest message that the server takes. */
  maxBytes = Number.POSITIVE_INFINITY;
  readonly #ring: MicrophoneRing;
  #commands: Placed[] = [];
  #sent: Sent[] = [];
  #count = 0; // of text messages sent, as the server counts them

  /**
   * @param keepMs of audio; what is older is dropped.
   * @param unconfirmed of the page that this one goes on for.
   */
  constructor(keepMs: number, unconfirmed: readonly Unconfirmed[] = []) {
    this.#ring = new MicrophoneRing(keepMs);
    this.#sent = unconfirmed.map((each) => ({ ...each, number: each.number ?? NEVER_SENT, gathered: null, at: 0 }));
  }

  /** Whether a command waits. */
  get hasCommands(): boolean {
    return this.#commands.length > 0;
  }

  /** Whether a command waits that has its place in the audio. */
  get hasPlaced(): boolean {
    return this.#commands.some(isPlaced);
  }

  /** What the server may not have, and a page that is loaded anew could say again. */
  get unconfirmed(): Unconfirmed[] {
    const sent = this.#sent.map(({ number, ...each }) => ({ ...each, number: number === NEVER_SENT ? null : number }));
    const waiting = this.#commands.map((each) => ({ ...each, number: null }));
    return [...sent, ...waiting]
      .filter(({ type }) => LASTING.includes(type))
      .map(({ type, message, number }) => ({ type, message, number }));
  }

  /** Take audio from the microphone. */
  hear(samples: Int16Array): void {
    this.#ring.append(samples);
  }

  /**
   * Take a command, and say whether there was room for it. Text that is gathered joins what waits of it; text that
   * waits when all is cancelled is dropped, as the server drops what it has.
   *
   * @param message the command, encoded.
   */
  add(command: Command, message = encodeCommand(command)): boolean {
    const at = this.#ring.end;
    const { type } = command;
    const gathered = type === "speak" && command.flush === false ? command.text : null;
    const last = this.#commands.at(-1);
    if (type === "speak" && last?.gathered != null) {
      const text = last.gathered + command.text;
      const whole = encodeCommand({ ...command, text });
      if (text.length <= MAX_GATHERED && messageBytes(whole) <= this.maxBytes) {
        this.#commands.splice(-1, 1, { type, message: whole, gathered: gathered && text, at: last.at });
        return true;
      }
    }
    if (type === "cancel") this.#commands = this.#without(["speak"]);
    if (this.#commands.length >= MAX_COMMANDS && !UNBOUNDED.includes(type)) return false;
    this.#commands.push({ type, message, gathered, at });
    return true;
  }

  /** Take commands that come before all that waits, but those that wait in their places. */
  addFirst(commands: readonly Command[]): void {
    const waiting = new Set(this.#commands.map(({ message }) => message));
    const placed = commands.map((each) => ({ type: each.type, message: encodeCommand(each), gathered: null, at: 0 }));
    this.#commands.unshift(...placed.filter(({ message }) => !waiting.has(message)));
  }

  /**
   * Give what is to be sent next, audio or an encoded command; null where there is nothing.
   *
   * @param mayCommand whether a command may be next; without, it waits with what is behind it.
   */
  next(mayCommand = true): Int16Array<ArrayBuffer> | string | null {
    const audio = this.#ring.pending(this.#commands.find(isPlaced)?.at);
    if (audio.length > 0) return audio;
    const next = mayCommand ? this.#commands.shift() : undefined;
    if (next === undefined) return null;
    this.count();
    this.#sent = [...this.#sent, { ...next, number: this.#count }].slice(-SENT_KEPT);
    return next.message;
  }

  /** A text message is sent; one that goes past this line, and need not arrive, is counted too. */
  count(): void {
    this.#count++;
  }

  /** The server's counts go on with what waits; what another page said before and the server did not get is given again. */
  begin(received: Received): void {
    this.#ring.begin(received.received_ms);
    this.#sayAgain(received, () => false);
  }

  /**
   * Go back to what the server has: audio and commands that it did not get are given again.
   *
   * @returns how many ms of audio are lost.
   */
  rewind(received: Received): number {
    const lostMs = this.#ring.rewind(received.received_ms);
    // A server that is being stopped drops audio, uncounted, but obeys and counts the end of a turn behind it.
    this.#sayAgain(received, ({ type, at }) => type === "finalize" && at > this.#ring.cursor + ROUNDING);
    return lostMs;
  }

  /** Another conversation takes the place of one that is lost: what belonged to that is dropped. */
  restart(received: Received): void {
    this.#ring.restart(received.received_ms);
    this.forget();
    this.#commands = this.#without(OF_A_CONVERSATION);
    this.#count = received.received_messages ?? 0;
  }

  /** The conversation is lost: nobody can tell what of it arrived, and what may have is not said twice. */
  forget(): void {
    this.#sent = [];
  }

  #sayAgain({ received_messages: n }: Received, isCutOff: (sent: Sent) => boolean): void {
    const swallowed = this.#sent.filter((each) => each.number > (n ?? NEVER_SENT) || isCutOff(each));
    this.#commands = [...swallowed, ...this.#commands];
    this.#commands = this.#without(OF_A_CONNECTION);
    this.#sent = [];
    this.#count = n ?? this.#count;
  }

  #without(types: Types): Placed[] {
    return this.#commands.filter(({ type }) => !types.includes(type));
  }
}

function isPlaced({ type }: Placed): boolean {
  return !OF_THE_AGENT.includes(type);
}
