/** Marks the words of a reply while they sound, by the audio clock. */

import type { Reply } from "./conversation.js";
import { placeWords, type Span, spokenSpan } from "./words.js";

/** What is marked: names of `::highlight()` in the style sheet. Ranges, so that the text stays one node. */
const SPOKEN = "spoken";
const AHEAD = "ahead";

/** What sounds at a moment. */
export interface Sounding {
  reply: Reply;
  /** The node that holds its text; null where it is not whole. */
  text: Text | null;
  playedMs: number;
}

/** Follows one reply after another. */
export class SpokenWords {
  readonly #look: () => Sounding | null;
  #following = false;
  #reply: Reply | null = null;
  #places: (Span | null)[] = [];
  #placed = ""; // what they were placed for
  #marked: Span | null = null;

  /** @param look says what sounds now; null for nothing. */
  constructor(look: () => Sounding | null) {
    this.#look = look;
  }

  /** Something sounds: mark it, frame by frame, until it ends. */
  follow(): void {
    if (this.#following || !("highlights" in CSS)) return;
    this.#following = true;
    const next = (): void => {
      const sounding = this.#look();
      this.#following = sounding !== null;
      this.#show(sounding);
      if (this.#following) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  #show(sounding: Sounding | null): void {
    const text = sounding?.text ?? null;
    const span = sounding && text ? this.#spanOf(sounding.reply, text, sounding.playedMs) : null;
    if (span === this.#marked) return;
    this.#marked = span;
    if (span === null || text === null) {
      CSS.highlights.delete(SPOKEN);
      CSS.highlights.delete(AHEAD);
    } else {
      CSS.highlights.set(SPOKEN, new Highlight(range(text, span.start, span.end)));
      CSS.highlights.set(AHEAD, new Highlight(range(text, span.end, text.length)));
    }
  }

  #spanOf(reply: Reply, text: Text, playedMs: number): Span | null {
    const placed = `${text.length} ${reply.words.length}`;
    if (reply !== this.#reply || placed !== this.#placed) {
      this.#reply = reply;
      this.#placed = placed;
      this.#places = placeWords(text.data, reply.words);
    }
    return spokenSpan(reply.words, this.#places, playedMs);
  }
}

function range(text: Text, start: number, end: number): Range {
  const made = new Range();
  made.setStart(text, start);
  made.setEnd(text, end);
  return made;
}
