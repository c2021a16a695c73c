/** What a page that is loaded anew needs to go on: kept in this tab alone. */

import type { Session } from "@voicesrv/web";
import { Conversation, type Item } from "./conversation.js";

const NAME = "voicesrv.conversation";
const FORMAT = 1;

/** A conversation as it was when the page went away. */
export interface Saved {
  conversation: Conversation;
  session: Session;
  /** Whether the microphone was on. */
  listening: boolean;
}

/** Put it away; where there is no room for all of it, what was said goes first. */
export function save(storage: Storage, { conversation, session, listening }: Saved): void {
  for (const items of [conversation.items, []]) {
    try {
      storage.setItem(NAME, JSON.stringify({ format: FORMAT, id: conversation.id, items, session, listening }));
      return;
    } catch {
      storage.removeItem(NAME);
    }
  }
}

/** Take it out again: a session serves once. Null where there is none, or one of another version of this page. */
export function takeSaved(storage: Storage): Saved | null {
  const text = storage.getItem(NAME);
  storage.removeItem(NAME);
  if (text === null) return null;
  const kept = parse(text);
  if (kept?.format !== FORMAT) return null;
  return { conversation: Conversation.of(kept.id, kept.items), session: kept.session, listening: kept.listening };
}

interface Kept {
  format: number;
  id: string;
  items: Item[];
  session: Session;
  listening: boolean;
}

function parse(text: string): Kept | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
