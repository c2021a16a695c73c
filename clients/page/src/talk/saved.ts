/** What a page that is loaded anew needs to go on: kept in this tab alone. */

import type { Session } from "@voicesrv/web";
import type { Keeper } from "../shared/storage.js";
import { Conversation, type Item } from "./conversation.js";

const NAME = "voicesrv.conversation";
const DRAFT = "voicesrv.draft";
const FORMAT = 2;

/** A conversation as it was when the page went away. */
export interface Saved {
  conversation: Conversation;
  session: Session;
  /** Whether the microphone was on. */
  listening: boolean;
}

/** Put it away; where there is no room for all of it, what was said goes first. */
export function save(keeper: Keeper, { conversation, session, listening }: Saved): void {
  for (const items of [conversation.items, []]) {
    if (keeper.set(NAME, JSON.stringify({ format: FORMAT, id: conversation.id, items, session, listening }))) return;
    forget(keeper);
  }
}

/** Nothing of it is to come back. */
export function forget(keeper: Keeper): void {
  keeper.remove(NAME);
}

/**
 * Take it out again: a session serves once.
 *
 * @param navigation how the page was opened, as `PerformanceNavigationTiming.type`: one that is opened otherwise than
 *   to be there again is another page, and a copy of a session would take the conversation away from its owner.
 * @returns null where there is none, or one of another version of this page.
 */
export function takeSaved(keeper: Keeper, navigation: string | undefined): Saved | null {
  const text = keeper.get(NAME);
  forget(keeper);
  if (text === null || !isThereAgain(navigation)) return null;
  const kept = parse<Kept>(text);
  if (kept?.format !== FORMAT) return null;
  return { conversation: Conversation.of(kept.id, kept.items), session: kept.session, listening: kept.listening };
}

/**
 * Put away what was typed and never sent.
 *
 * @param conversation the id of the one that it is for; empty for one that has not begun.
 */
export function saveDraft(keeper: Keeper, conversation: string, draft: string): void {
  if (draft === "") keeper.remove(DRAFT);
  else keeper.set(DRAFT, JSON.stringify({ conversation, draft }));
}

/** Take it out again, as `takeSaved`; empty where there is none for this conversation. */
export function takeDraft(keeper: Keeper, conversation: string, navigation: string | undefined): string {
  const kept = parse<{ conversation: string; draft: string }>(keeper.get(DRAFT) ?? "");
  keeper.remove(DRAFT);
  return isThereAgain(navigation) && kept?.conversation === conversation ? kept.draft : "";
}

const isThereAgain = (navigation: string | undefined): boolean =>
  navigation === "reload" || navigation === "back_forward";

interface Kept {
  format: number;
  id: string;
  items: Item[];
  session: Session;
  listening: boolean;
}

function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
