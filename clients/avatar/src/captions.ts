/** What was said by whom, for reading along. Pure. */

import {
  type ReplyEnd,
  type ReplyStart,
  type ReplyText,
  stableParts,
  type Transcript,
  type TurnEnd,
  type Word,
  type Words,
} from "@voicesrv/web";

/** The user's turn: what will not change, and what may. */
export interface UserCaption {
  stable: string;
  tentative: string;
}

/** The reply: what has been heard of it, what is to come, and what was cut off. */
export interface AgentCaption {
  heard: string;
  ahead: string;
  cutOff: string;
}

type CaptionEvent = Transcript | TurnEnd | ReplyStart | ReplyText | Words | ReplyEnd;

interface Place {
  startMs: number;
  /** Characters of the reply's text up to the end of the word. */
  length: number;
}

/** The last turn and the last reply of a conversation. */
export class Captions {
  user: UserCaption = { stable: "", tentative: "" };
  /** The reply that is shown; 0 for none. */
  reply = 0;
  #text = "";
  #places: Place[] = [];
  #waiting: Word[] = []; // words whose text has not come yet
  #kept: number | null = null; // how much of the text was heard, once that is settled

  /** Take an event, and say whether anything changed. */
  apply(event: CaptionEvent): boolean {
    switch (event.type) {
      case "transcript": {
        if (event.text === "") return false;
        const [stable, tentative] = stableParts(event);
        this.user = { stable, tentative };
        return true;
      }
      case "turn.end":
        if (event.text === "" && this.user.tentative === "") return false;
        this.user = { stable: event.text, tentative: "" };
        return true;
      case "reply.start":
        this.#begin(event.reply, event.turn === null);
        return true;
      case "reply.text":
        if (event.reply !== this.reply) return false;
        this.#text += event.delta;
        this.#place();
        return true;
      case "words":
        if (event.reply !== this.reply) return false;
        this.#waiting.push(...event.items);
        this.#place();
        return true;
      case "reply.end":
        if (event.reply !== this.reply) return false;
        this.#text = event.text || this.#text;
        if (event.cause !== "complete") this.#kept = heardLength(this.#text, event.heard);
        return true;
    }
  }

  /** Forget everything. */
  clear(): void {
    this.user = { stable: "", tentative: "" };
    this.#begin(0, true);
  }

  /** The reply as it stands; `playedMs` of its audio, null where all of it was played. */
  agent(playedMs: number | null): AgentCaption {
    const text = this.#text;
    if (this.#kept !== null) return { heard: text.slice(0, this.#kept), ahead: "", cutOff: text.slice(this.#kept) };
    const heard = playedMs === null ? text.length : this.#heardBy(playedMs);
    return { heard: text.slice(0, heard), ahead: text.slice(heard), cutOff: "" };
  }

  #begin(reply: number, unasked: boolean): void {
    this.reply = reply;
    this.#text = "";
    this.#places = [];
    this.#waiting = [];
    this.#kept = null;
    if (unasked) this.user = { stable: "", tentative: "" };
  }

  /** Find the words in the text. Those that are not in it as they are (a number, said in words) are passed over. */
  #place(): void {
    for (let word = this.#waiting[0]; word !== undefined; word = this.#waiting[0]) {
      const from = this.#places.at(-1)?.length ?? 0;
      const at = this.#text.indexOf(word.text, from);
      if (at < 0 && this.#text.length - from < 2 * word.text.length) return; // may still come
      this.#waiting.shift();
      if (at >= 0) this.#places.push({ startMs: word.start_ms, length: at + word.text.length });
    }
  }

  #heardBy(playedMs: number): number {
    if (this.#places.length === 0) return this.#text.length;
    const end = this.#places.filter(({ startMs }) => startMs <= playedMs).at(-1)?.length ?? 0;
    // The signs that follow a word go with it.
    return end + (/^[^\s\p{L}\p{N}]*/u.exec(this.#text.slice(end))?.[0].length ?? 0);
  }
}

/** How much of a text was heard; what was heard is its beginning but for spaces. */
function heardLength(text: string, heard: string): number {
  const start = text.length - text.trimStart().length;
  return text.startsWith(heard.trim(), start) ? start + heard.trim().length : Math.min(heard.length, text.length);
}
