/** What a page tells its client: where the server is, and how the connection is kept up. */

import type { WorkletUrl } from "./audio.js";
import type { Unconfirmed } from "./outgoing.js";
import type { Received } from "./protocol.js";
import type { Settings } from "./settings.js";

/** What a page that is loaded anew needs to go on with a conversation. It can be kept as JSON. */
export interface Session extends Received {
  conversation: string;
  /** Good for one return, within 120 s of the loss of the connection by default. */
  resume: string;
  /** How long `audio_reply` is, where all of it had arrived: the server will not say again that this was the end. */
  audio_end_ms?: number;
  /** What was said and may not have arrived: what the server does not have is said again, once. */
  unconfirmed?: Unconfirmed[];
}

/** How a connection is kept up. */
export interface Upkeep {
  /** False lets a drop end the conversation. */
  reconnect: boolean;
  /** From the answer to one `ping` to the next, at most a third of the server's idle limit, which is 60 s by default. */
  keepaliveMs: number;
  /** A ping that is not answered for so long means that the connection is dead. */
  pongMs: number;
  /** How long to try to come back; a resume token lives 120 s by default. */
  giveUpMs: number;
  /** How much of the microphone's audio is kept for a resume, 100 at least; the server takes bursts of 30 s. */
  ringMs: number;
}

export const UPKEEP: Upkeep = {
  reconnect: true,
  keepaliveMs: 15_000,
  pongMs: 10_000,
  giveUpMs: 120_000,
  ringMs: 30_000,
};

/** Where the server is, and what is wanted of it. */
export interface VoiceClientOptions {
  /** Where the server is, such as `https://voice.example.org`; left out, where the page came from. */
  url?: string | undefined;
  /** A key, or what gives a short-lived token; called anew for each connection, as a token serves once. */
  token?: string | (() => string | undefined | Promise<string | undefined>) | undefined;
  /** The id of a conversation to join. */
  conversation?: string | undefined;
  /** What `session` was on the page that is gone, to go on where it stopped. */
  session?: Session | null | undefined;
  /** What the conversation is to be like; see `configure`. */
  settings?: Settings | undefined;
  /** The microphone is muted but between `startTalking` and `stopTalking`, which ends the turn. */
  pushToTalk?: boolean | undefined;
  /** How loud replies are, 0 to 1; 1 by default. */
  volume?: number | undefined;
  /** How the connection is kept up. */
  upkeep?: { [Name in keyof Upkeep]?: Upkeep[Name] | undefined } | undefined;
  /** Where `worklets/microphone.js` and `worklets/speaker.js` are served, if not beside this library. */
  workletUrl?: WorkletUrl | undefined;
}
