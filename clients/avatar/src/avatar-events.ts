/** The events of `<voice-avatar>`. They do not bubble. */

import type { ToolCall, Transcript, TurnEnd, VoiceClient, VoiceError } from "@voicesrv/web";
import type { AvatarState } from "./pose.js";

/** A reply as it grows, and once more when it is over. */
export interface ReplyDetail {
  reply: number;
  /** All text so far. */
  text: string;
  /** The text that is new; empty at the end. */
  delta: string;
  done: boolean;
  /** At the end: what the user can have heard of `text`. */
  heard: string;
  /** At the end: `complete`, `interrupted`, `cancelled` or `failed`. */
  cause: string;
}

/** By the name of the event. */
export interface VoiceAvatarEventMap {
  /** How it stands has changed. */
  state: CustomEvent<{ state: AvatarState; previous: AvatarState }>;
  /** There is a client, before it connects: the place to listen to its own events. */
  client: CustomEvent<VoiceClient>;
  /** What the user has said up to now, and may still change. */
  transcript: CustomEvent<Transcript>;
  /** The user's turn is over: what was said. */
  turn: CustomEvent<TurnEnd>;
  reply: CustomEvent<ReplyDetail>;
  /** A tool is to be run; answer with `element.client.toolResult(id, output)`. */
  toolcall: CustomEvent<ToolCall>;
  /** Something went wrong; `detail.message` is the sentence that the element shows. */
  error: CustomEvent<VoiceError>;
}

/** Tell what a client tells under the element's own names, until the signal. */
export function retell(
  client: VoiceClient,
  signal: AbortSignal,
  emit: <K extends keyof VoiceAvatarEventMap>(type: K, detail: VoiceAvatarEventMap[K]["detail"]) => void,
): void {
  const on: VoiceClient["addEventListener"] = (type: string, listener: EventListenerOrEventListenerObject | null) =>
    client.addEventListener(type, listener, { signal });
  let text = "";
  on("transcript", ({ detail }) => emit("transcript", detail));
  on("turn.end", ({ detail }) => emit("turn", detail));
  on("reply.start", () => {
    text = "";
  });
  on("reply.text", ({ detail: { reply, delta } }) => {
    text += delta;
    emit("reply", { reply, delta, text, done: false, heard: "", cause: "" });
  });
  on("reply.end", ({ detail: { reply, text, heard, cause } }) => {
    emit("reply", { reply, delta: "", text, done: true, heard, cause });
  });
  on("tool_call", ({ detail }) => emit("toolcall", detail));
  on("error", ({ detail }) => emit("error", detail));
}

type Listener<K extends keyof VoiceAvatarEventMap> =
  | ((event: VoiceAvatarEventMap[K]) => void)
  | { handleEvent(event: VoiceAvatarEventMap[K]): void };

interface Typed {
  addEventListener<K extends keyof VoiceAvatarEventMap>(
    type: K,
    listener: Listener<K>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof VoiceAvatarEventMap>(
    type: K,
    listener: Listener<K>,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** An element that knows what its events carry; on a server that renders pages, which has no elements, a class. */
export const TypedElement = (globalThis.HTMLElement ?? class {}) as unknown as {
  new (): Omit<HTMLElement, "addEventListener" | "removeEventListener"> & Typed;
};
