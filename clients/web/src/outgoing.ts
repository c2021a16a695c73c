/** What is to be sent, in order: the microphone's audio, and commands at their places in it. Pure. */

import type { Command } from "./protocol.js";
import { MicrophoneRing } from "./ring.js";

interface Placed {
  command: Command;
  /** Position in the audio. */
  at: number;
}

const MAX_COMMANDS = 100;
const ENDS_KEPT = 20;
/* More turns than a person ends within what a broken connection swallows. */
const OF_A_CONVERSATION: readonly string[] = ["finalize", "cancel", "tool_result"] satisfies Command["type"][];
/* They speak of a turn or a reply, so in another conversation they mean nothing. */

/** Waits for a connection; audio that was sent is kept, so that it can be sent again. */
export class Outgoing {
  readonly #ring: MicrophoneRing;
  #commands: Placed[] = [];
  #ends: Placed[] = []; // of turns, sent

  /** @param keepMs of audio; what is older is dropped. */
  constructor(keepMs: number) {
    this.#ring = new MicrophoneRing(keepMs);
  }

  /** Whether a command waits. */
  get hasCommands(): boolean {
    return this.#commands.length > 0;
  }

  /** Take audio from the microphone. */
  hear(samples: Int16Array): void {
    this.#ring.append(samples);
  }

  /** Take a command, and say whether there was room for it. */
  add(command: Command): boolean {
    if (this.#commands.length === MAX_COMMANDS) return false;
    this.#commands.push({ command, at: this.#ring.end });
    return true;
  }

  /** Give what is to be sent next; null where there is nothing. */
  next(): Int16Array<ArrayBuffer> | Command | null {
    const audio = this.#ring.pending(this.#commands[0]?.at);
    if (audio.length > 0) return audio;
    const next = this.#commands.shift();
    if (next?.command.type === "finalize") this.#ends = [...this.#ends, next].slice(-ENDS_KEPT);
    return next?.command ?? null;
  }

  /** The server's count of audio, which stands at `receivedMs`, goes on with what waits. */
  begin(receivedMs: number): void {
    this.#ring.begin(receivedMs);
  }

  /**
   * Go back to what the server has. The end of a turn is given again if the audio behind it has not arrived: then it
   * may not have either, and one too many ends nothing.
   *
   * @returns how many ms of audio are lost.
   */
  rewind(receivedMs: number): number {
    const position = this.#ring.positionOf(receivedMs);
    this.#commands.unshift(...this.#ends.filter(({ at }) => at >= position));
    this.#ends = [];
    return this.#ring.rewind(receivedMs);
  }

  /** Another conversation takes the place of one that is lost: what belonged to that is dropped. */
  restart(receivedMs: number): void {
    this.#ring.restart(receivedMs);
    this.#ends = [];
    this.#commands = this.#commands.filter(({ command }) => !OF_A_CONVERSATION.includes(command.type));
  }
}
