/** Begins one connection: where it goes, what it asks for, who it is. */

import type { Session } from "./client-options.js";
import { type Closing, givenUp, type Socket } from "./connection.js";
import { VoiceError } from "./errors.js";
import { buildUrl, type OptionValue, SUBPROTOCOL } from "./protocol.js";
import type { Wishes } from "./wishes.js";
import type { World } from "./world.js";

/** Where a conversation is to be had. */
export interface Destination {
  url: string;
  /** Called anew for each connection. */
  token: () => Promise<string | undefined>;
  wishes: Wishes;
  /** One to join. */
  conversation?: string | undefined;
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/* RFC 9110, 5.6.2: what can be a subprotocol. */

/**
 * Open a socket.
 *
 * @param session to go on with: its settings are in force, so none are asked for; null for a new one.
 * @param limitMs how long to wait for a token.
 * @throws {Closing} there is no token, the browser refuses the address, or `signal` says that nobody wants it any more.
 */
export async function dial(
  to: Destination,
  session: Session | null,
  world: World,
  signal: AbortSignal,
  limitMs: number,
): Promise<Socket> {
  const { audio_end_ms, unconfirmed, ...resume } = session ?? {};
  const query: Record<string, OptionValue | undefined> =
    session === null ? { ...to.wishes.query, conversation: to.conversation } : resume;
  query.refuse = "socket";
  const protocols = [SUBPROTOCOL];
  const token = await inTime(to.token(), limitMs, world).catch((cause) => {
    if (cause instanceof VoiceError && cause.code === "unauthorized") throw { code: 4501, error: cause };
    // As if nobody had answered: whoever gives tokens may be behind the same network that has just failed.
    throw { code: 1006, error: new VoiceError("token", String(cause), { cause }) } satisfies Closing;
  });
  if (signal.aborted) throw givenUp();
  // Where it can be a subprotocol it stays out of the address, which ends up in logs.
  if (token !== undefined && TOKEN.test(token)) protocols.push(`token.${token}`);
  else query.token = token;
  try {
    return world.connect(buildUrl(to.url, query, world.base), protocols);
  } catch (cause) {
    // Such as ws:// from a page of https://.
    throw { code: 1008, error: new VoiceError("unreachable", String(cause), { cause }) } satisfies Closing;
  }
}

/** What is promised, if it comes in time: whoever gives tokens may hang in the network that has just failed. */
function inTime<T>(promised: Promise<T>, limitMs: number, world: World): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = world.after(limitMs, () => reject(new Error(`none came within ${limitMs / 1000} s`)));
    promised.then(resolve, reject).finally(callOff);
  });
}
