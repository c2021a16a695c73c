/** Which words of a reply's text sound now. Pure. */

import type { Word } from "@voicesrv/web";

/** A part of a text, by its UTF-16 code units, as DOM ranges count. */
export interface Span {
  start: number;
  end: number;
}

/**
 * Find each word in the text, in order; null for one that is not there, such as a number that is written in digits.
 *
 * A word is looked for only a little ahead of the last one, so that one that is missing does not carry the rest away.
 */
export function placeWords(text: string, words: readonly Word[]): (Span | null)[] {
  const lower = text.toLowerCase();
  const comparable = lower.length === text.length ? lower : text; // else places would shift
  let from = 0;
  let missed = 0;
  return words.map((word) => {
    const wanted = comparable === lower ? word.text.toLowerCase() : word.text;
    const start = wanted === "" ? -1 : findWord(comparable, wanted, from, from + REACH * (missed + 1));
    if (start < 0) {
      missed++;
      return null;
    }
    missed = 0;
    from = start + wanted.length;
    return { start, end: from };
  });
}

const REACH = 40;
/* Characters; a word and what lies between it and the one before. */

function findWord(text: string, wanted: string, from: number, before: number): number {
  for (let at = text.indexOf(wanted, from); at >= 0 && at < before; at = text.indexOf(wanted, at + 1)) {
    if (!isLetter(text[at - 1]) && !isLetter(text[at + wanted.length])) return at;
  }
  return -1;
}

function isLetter(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}

/**
 * The word that sounds at a time, or the last before it; null before the first.
 *
 * @param playedMs what was heard of the reply.
 */
export function spokenSpan(words: readonly Word[], places: readonly (Span | null)[], playedMs: number): Span | null {
  let found: Span | null = null;
  for (const [n, word] of words.entries()) {
    if (word.start_ms > playedMs) break;
    found = places[n] ?? found;
  }
  return found;
}
