/** What can go wrong, each with a sentence that tells a person what to do. */

import type { Changes } from "./settings.js";

/**
 * Why something failed. Beside these, every code of the server's errors (`docs/protocol.md`) may come, such as
 * `unauthorized`, `overloaded`, `not_found` or `engine_failed`.
 */
export type ErrorCode =
  /** Nothing answers at the address. */
  | "unreachable"
  /** The token callback failed. */
  | "token"
  /** The server speaks another version of the protocol, or is no voicesrv. */
  | "protocol"
  /** A command was given while there is no conversation. */
  | "not_connected"
  /** The server closed for good and gave no other reason. */
  | "closed"
  /** The page is neither https nor localhost, so browsers give it no microphone. */
  | "insecure_context"
  | "microphone_denied"
  /** The page is in a frame that does not let the microphone through. */
  | "microphone_withheld"
  | "microphone_missing"
  /** Another program holds it. */
  | "microphone_busy"
  /** It was unplugged, or the browser took it away. */
  | "microphone_lost"
  /** The browser has no AudioWorklet, or it could not be loaded. */
  | "audio"
  /** It is gone, or the page may not use it. */
  | "speaker_unavailable"
  | ServerCode;

type ServerCode = keyof typeof SERVER_SENTENCES | (string & {});

const OWN_SENTENCES = {
  unreachable: "The voice server does not answer. Check that it is running and that you are online, then try again.",
  token: "This page could not get permission to talk to the voice server. Reload it, or sign in again.",
  protocol:
    "The voice server speaks another version than this page. Reload the page; if that does not help, update it.",
  not_connected: "There is no connection. Connect first.",
  closed: "The conversation was ended. Connect again to start a new one.",
  insecure_context:
    "Browsers allow the microphone only on https:// pages and on localhost. Open this page with https:// (the server " +
    "can make its own certificate: voicesrv serve --tls self-signed).",
  microphone_denied:
    "The microphone is not allowed here. Allow it in the browser's site settings (the icon beside the address), then " +
    "try again.",
  microphone_withheld:
    "The microphone is not let through to this part of the page. Whoever made the page around it has to add " +
    'allow="microphone" to its iframe; if that is done, allow it in the browser\'s site settings, then try again.',
  microphone_missing: "No microphone was found. Plug one in or choose another, then try again.",
  microphone_busy:
    "The microphone cannot be used, perhaps because another program holds it. Close that, then try again.",
  microphone_lost: "The microphone was disconnected. Plug it in again or choose another.",
  audio:
    "This page could not start its audio. Reload it; if that does not help, use a current Chrome, Edge, Firefox or Safari.",
  speaker_unavailable:
    "That speaker cannot be used. Choose another; until then, sound comes from where it came before.",
};

const SERVER_SENTENCES = {
  unauthorized: "The server did not accept the key. Sign in again, or ask for a new key.",
  forbidden: "This key may not do that. Ask whoever runs the server for one that may.",
  origin_not_allowed: "The server does not let this page connect. Whoever runs it can add the page to allowed_origins.",
  overloaded: "The server is full. It will be tried again in a moment.",
  shutting_down: "The server is restarting. The conversation goes on when it is back.",
  rate_limited: "That was too much at once. Wait a moment.",
  audio_too_fast: "Audio was sent too fast. Wait a moment.",
  idle: "The connection was idle for too long. It is being opened again.",
  slow_consumer: "This connection is too slow for audio. It is being opened again.",
  superseded: "This conversation went on in another window. Connect again to start a new one here.",
  state_lost: "The conversation could not be continued. A new one begins.",
  too_many_errors: "The server ended the connection after too many errors. Reload the page.",
  engine_failed: "The server could not answer this time. Say it again.",
  internal: "Something went wrong on the server. Try again.",
};

const SENTENCES: Record<string, string> = { ...OWN_SENTENCES, ...SERVER_SENTENCES };

/** What `VoiceClient` throws and what its `error` events carry. */
export class VoiceError extends Error {
  override readonly name = "VoiceError";
  /** What a program can tell apart. */
  readonly code: ErrorCode;
  /** What the server or the browser said, for a log. */
  readonly detail: string;
  /** When trying again may help, in ms; null where nobody said. */
  readonly retryAfterMs: number | null;
  /** Settings that the server did not put in force, all those of one `configure`; null where it is of something else. */
  readonly refused: Changes | null;
  /** Whether the conversation is over. */
  fatal: boolean;

  /**
   * @param code what `message` is chosen by: a sentence for people; `detail` itself for a code without one.
   */
  constructor(
    code: ErrorCode,
    detail = "",
    options: { cause?: unknown; retryAfterMs?: number | null; refused?: Changes | null; fatal?: boolean } = {},
  ) {
    super((Object.hasOwn(SENTENCES, code) && SENTENCES[code]) || detail || code, { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.refused = options.refused ?? null;
    this.fatal = options.fatal ?? false;
  }
}
