/** `voicesrv.v1` as a client sees it: pure, without a socket, a clock or a task. The twin of clients/python/voicesrv_client/protocol.py. */

import { VoiceError } from "./errors.js";
import { type AudioStart, parseEvent, type ServerEvent } from "./events.js";

export const SUBPROTOCOL = "voicesrv.v1";
const PATH = "/ws";

/** A list is parted by commas. */
export type OptionValue = string | number | boolean | readonly string[];

const SAMPLE_BYTES: Record<string, number> = { linear16: 2, mulaw: 1, alaw: 1 };

/**
 * Give the WebSocket address for a server and the parameters of a connection.
 *
 * @param url `http`, `https`, `ws` or `wss`, or an address relative to `base`; `/ws` is added where it has no
 *   path. A query that it has is kept.
 * @param options query parameters by name; those that are null or undefined are left to the server.
 * @param base the page's address.
 * @throws {TypeError} the URL has another scheme or no host.
 */
export function buildUrl(url: string, options: Record<string, OptionValue | null | undefined>, base?: string): string {
  const address = URL.canParse(url, base) ? new URL(url, base) : null;
  const scheme = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[address?.protocol ?? ""];
  if (address === null || scheme === undefined || address.host === "") {
    throw new TypeError(`${url} is no address of a server; it looks like https://voice.example.org`);
  }
  const query = address.searchParams;
  for (const [name, value] of Object.entries(options)) {
    if (value != null) query.set(name, String(value));
  }
  const path = address.pathname === "/" ? PATH : address.pathname;
  return `${scheme}//${address.host}${path}${query.size > 0 ? `?${query}` : ""}`;
}

// --- what goes out ------------------------------------------------------------------------------

/** What a client can say beside audio. */
export type Command =
  | ({ type: "configure" } & Record<string, unknown>)
  | { type: "text"; text: string }
  | { type: "speak"; text: string; flush?: boolean }
  | { type: "flush"; id?: string | number }
  | { type: "finalize" }
  | { type: "cancel" }
  | { type: "playback"; reply: number; played_ms: number }
  | { type: "tool_result"; id: string; output: unknown }
  | { type: "tool_result"; id: string; error: string }
  | { type: "ping"; id?: string | number }
  | { type: "close"; finish?: boolean };

/** Put a command into words. Halves of surrogate pairs, which the server refuses, become U+FFFD. */
export function encodeCommand(command: Command): string {
  return JSON.stringify(command, (_, value) =>
    typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\uFFFD") : value,
  );
}

/** How many bytes a message has on the wire. */
export function messageBytes(message: string): number {
  return new TextEncoder().encode(message).length;
}

// --- after a close ------------------------------------------------------------------------------

/**
 * What a client does when its connection has closed: `end`, it is over as it should be; `resume`, come back with
 * the resume token; `restart`, come back to a new conversation; `fail`, trying again unchanged is in vain.
 */
export type Next = "end" | "resume" | "restart" | "fail";

/**
 * Say what a close code asks for.
 *
 * `docs/protocol.md`: 4000–4499 come back, 4500–4999 do not. Of the standard ones (RFC 6455, 7.4.1), 1001, 1005,
 * 1006, 1011, 1012 and 1013 are what a restarting, failing or vanished server leaves behind.
 */
export function afterClose(code: number): Next {
  if (code === 1000) return "end";
  if (code === 4007) return "restart"; // state_lost
  if ([1001, 1005, 1006, 1011, 1012, 1013].includes(code) || (code >= 4000 && code <= 4499)) return "resume";
  return "fail";
}

/**
 * How long to wait before the `attempt`-th try to come back, counted from 0, in ms.
 *
 * Full jitter, so that the clients of a server that restarts do not come back all at once: evenly in 0–250 ms
 * first, the bound doubling up to 10 s.
 *
 * @param jitter evenly distributed in [0, 1).
 */
export function backoffMs(attempt: number, jitter: number): number {
  return jitter * Math.min(10_000, 250 * 2 ** Math.min(attempt, 10));
}

// --- what comes in ------------------------------------------------------------------------------

/** A piece of a reply's audio. */
export interface Audio {
  type: "audio";
  reply: number;
  /** Whole samples, in the encoding and rate of the `audio.start` before it. */
  pcm: Uint8Array;
  sample_rate: number;
  /** Where it begins in the reply's audio. */
  start_ms: number;
}

/** How much has arrived, as a resume tells it; the names are those of the query. */
export interface Received {
  after: number;
  audio_reply?: number;
  audio_ms?: number;
}

/**
 * Turns the messages of one conversation into events, each exactly once, over all its connections.
 *
 * After a resume the server says again what comes after the last number seen, and audio from the last whole
 * millisecond that arrived; what was passed on before is dropped here.
 */
export class Incoming {
  /** The highest number seen. */
  lastSeq = 0;
  #reply = 0;
  #sampleRate = 24000;
  #frameBytes = 2;
  #startMs = 0; // where in this reply's audio that which came begins
  #received = 0; // bytes of it that came so far
  #skip = 0; // bytes to drop: a resume sends them a second time

  /**
   * @param has what there is already: up to the `ready` that a new connection begins with, or what arrived before a
   *   page was reloaded, which goes on. The audio is 24 kHz linear16 until an `audio.start` says otherwise.
   */
  constructor(has: Received = { after: 0 }) {
    this.lastSeq = has.after;
    this.#reply = has.audio_reply ?? 0;
    this.#startMs = has.audio_ms ?? 0;
  }

  /** What a resume tells of what has arrived. */
  resumeQuery(): Received {
    const after = this.lastSeq;
    return this.#reply === 0 ? { after } : { after, audio_reply: this.#reply, audio_ms: this.#receivedMs() };
  }

  /** The server goes on from what `resumeQuery` told it. */
  resumed(): void {
    const samples = Math.floor(((this.#receivedMs() - this.#startMs) * this.#sampleRate) / 1000);
    this.#skip = this.#received - samples * this.#frameBytes;
  }

  /**
   * Give the event or audio in a message, or null where it was passed on before.
   *
   * @throws {VoiceError} `protocol`, see `parseEvent`.
   */
  receive(message: string | ArrayBuffer): ServerEvent | Audio | null {
    if (typeof message !== "string") return this.#audio(new Uint8Array(message));
    const event = parseEvent(message);
    if (event.type === "ready") return null; // of an earlier connection, said again in a resume
    if (event.seq > 0) {
      if (event.seq <= this.lastSeq) return null;
      this.lastSeq = event.seq;
    }
    if (event.type === "audio.start") this.#startAudio(event);
    return event;
  }

  #receivedMs(): number {
    return Math.floor(this.#positionMs());
  }

  #positionMs(): number {
    return this.#startMs + (this.#received * 1000) / (this.#sampleRate * this.#frameBytes);
  }

  #startAudio(event: AudioStart): void {
    const sampleBytes = SAMPLE_BYTES[event.encoding];
    if (sampleBytes === undefined) {
      throw new VoiceError("protocol", `audio.start.encoding: ${event.encoding} is not known`);
    }
    this.#frameBytes = sampleBytes * event.channels;
    this.#sampleRate = event.sample_rate;
    this.#reply = event.reply;
    this.#startMs = event.start_ms;
    this.#received = 0;
    this.#skip = 0;
  }

  #audio(pcm: Uint8Array): Audio | null {
    const dropped = Math.min(this.#skip, pcm.length);
    this.#skip -= dropped;
    if (dropped === pcm.length) return null;
    const start_ms = this.#positionMs();
    this.#received += pcm.length - dropped;
    return { type: "audio", reply: this.#reply, pcm: pcm.subarray(dropped), sample_rate: this.#sampleRate, start_ms };
  }
}
