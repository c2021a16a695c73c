/** The conversation as a page shows it: the server's events -> turns and replies, in order. Pure. */

import { type ServerEvent, stableParts, type Word } from "@voicesrv/web";
import type { Stage } from "./latency.js";

/** What the user said or typed. */
export interface Turn {
  kind: "turn";
  number: number;
  /** What will not change. */
  stable: string;
  /** What may. */
  tentative: string;
  settled: boolean;
  typed: boolean;
}

/** What the agent said. */
export interface Reply {
  kind: "reply";
  number: number;
  turn: number | null;
  text: string;
  /** How much of `text` the user heard, once that is known. */
  heardLength: number | null;
  /** The cause of `reply.end`, where `interrupted` is `spoken_over` or `typed_over`; empty before. */
  ending: string;
  /** When its words sound; not kept once it was heard. */
  words: Word[];
  /** Where the time went until it was heard. */
  stages: Stage[];
}

/** A remark between the two, such as that a new conversation began. */
export interface Remark {
  kind: "remark";
  text: string;
}

export type Item = Turn | Reply | Remark;

/** What became of an item. */
export type Change = { type: "put" | "drop"; item: Item };

const MAX_ITEMS = 300;
/* More are not read on a page, and each costs memory; the oldest go. */

/** Follows one conversation, and what is left on the page of those before it. */
export class Conversation {
  readonly items: Item[] = [];
  /** Its id; empty before the first connection. */
  id = "";
  readonly #turns = new Map<number, Turn>();
  readonly #replies = new Map<number, Reply>();

  /** Go on with what an earlier page had. */
  static of(id: string, items: Item[]): Conversation {
    const made = new Conversation();
    made.id = id;
    made.items.push(...items);
    for (const item of items) {
      if (item.kind === "turn") made.#turns.set(item.number, item);
      else if (item.kind === "reply") made.#replies.set(item.number, item);
      else made.#begin(); // what is before a remark is of another conversation
    }
    return made;
  }

  reply(number: number): Reply | undefined {
    return this.#replies.get(number);
  }

  /** Take an event, and say what changed. */
  apply(event: ServerEvent): Change[] {
    switch (event.type) {
      case "ready":
        return this.#ready(event.conversation);
      case "turn.start":
      case "turn.resume":
        return this.#put(this.#turn(event.turn));
      case "transcript": {
        const turn = this.#turn(event.turn);
        [turn.stable, turn.tentative] = stableParts(event);
        return this.#put(turn);
      }
      case "turn.end": {
        const turn = this.#turn(event.turn);
        Object.assign(turn, { stable: event.text, tentative: "", settled: true, typed: event.cause === "text" });
        return event.text === "" ? this.#drop(turn) : this.#put(turn);
      }
      case "reply.start": {
        const reply = this.#reply(event.reply);
        reply.turn = event.turn;
        return this.#put(reply);
      }
      case "reply.text": {
        const reply = this.#reply(event.reply);
        reply.text += event.delta;
        return this.#put(reply);
      }
      case "words":
        this.#reply(event.reply).words.push(...event.items);
        return [];
      case "reply.end": {
        const reply = this.#reply(event.reply);
        const text = event.text || reply.text;
        reply.text = text;
        reply.heardLength = heardLength(text, event.heard, event.cause);
        reply.ending = event.cause === "interrupted" ? this.#interruption() : event.cause;
        return text === "" ? this.#drop(reply) : this.#put(reply);
      }
      default:
        return [];
    }
  }

  /** Say something between the turns. */
  remark(text: string): Change[] {
    return this.#put({ kind: "remark", text });
  }

  /** A reply was heard to its end, or silenced: its words are of no more use. */
  forgetWords(number: number): void {
    const reply = this.#replies.get(number);
    if (reply !== undefined) reply.words = [];
  }

  #ready(id: string): Change[] {
    const changes =
      this.id !== "" && this.id !== id ? this.remark("The conversation could not be continued. A new one began.") : [];
    if (changes.length > 0) this.#begin();
    this.id = id;
    return changes;
  }

  /** What cut a reply off just now: the turn that did so is the latest, and one that is spoken is not over yet. */
  #interruption(): string {
    const latest = this.items.findLast((item) => item.kind === "turn");
    return latest?.typed ? "typed_over" : "spoken_over";
  }

  /** Numbers begin anew. */
  #begin(): void {
    this.#turns.clear();
    this.#replies.clear();
  }

  #turn(number: number): Turn {
    let turn = this.#turns.get(number);
    if (turn === undefined) {
      turn = { kind: "turn", number, stable: "", tentative: "", settled: false, typed: false };
      this.#turns.set(number, turn);
    }
    return turn;
  }

  #reply(number: number): Reply {
    let reply = this.#replies.get(number);
    if (reply === undefined) {
      reply = { kind: "reply", number, turn: null, text: "", heardLength: null, ending: "", words: [], stages: [] };
      this.#replies.set(number, reply);
    }
    return reply;
  }

  #put(item: Item): Change[] {
    const changes: Change[] = [{ type: "put", item }];
    if (this.items.includes(item)) return changes;
    this.items.push(item);
    if (this.items.length > MAX_ITEMS) changes.push(...this.#drop(this.items[0] as Item));
    return changes;
  }

  #drop(item: Item): Change[] {
    if (item.kind === "turn" && this.#turns.get(item.number) === item) this.#turns.delete(item.number);
    if (item.kind === "reply" && this.#replies.get(item.number) === item) this.#replies.delete(item.number);
    const at = this.items.indexOf(item);
    if (at < 0) return [];
    this.items.splice(at, 1);
    return [{ type: "drop", item }];
  }
}

/** How many characters of a reply's text were heard: all of it where it was not cut off. */
export function heardLength(text: string, heard: string, cause: string): number {
  if (cause === "complete") return text.length;
  let length = 0;
  while (length < heard.length && length < text.length && heard[length] === text[length]) length++;
  while (length > 0 && text[length]?.trim() === "") length++; // the space before a word that was not heard
  return length;
}
