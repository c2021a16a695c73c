/** What to tell a client when something else is wished than it has asked for. Pure. */

import type { Changes, Settings } from "@voicesrv/web";

/* Push to talk sets these as it needs them, and puts those back that were asked for beside it. */
const WAITS: readonly string[] = ["endpointing_ms", "endpointing_max_ms"];

/**
 * Changes that make settings of others.
 *
 * @param has what was asked for.
 * @param wished in its place; what it does not name is the server's choice again.
 * @param pushToTalk whether the silences that end a turn are left alone.
 */
export function changesTo(has: Settings, wished: Settings, pushToTalk = false): Changes {
  const names = new Set([...Object.keys(has), ...Object.keys(wished)]) as Set<keyof Settings>;
  const isOther = (name: keyof Settings): boolean => JSON.stringify(has[name]) !== JSON.stringify(wished[name]);
  const others = [...names].filter((name) => isOther(name) && !(pushToTalk && WAITS.includes(name)));
  // Alone, the first would be meant for both.
  if (others.includes("endpointing_ms") && wished.endpointing_max_ms !== undefined) others.push("endpointing_max_ms");
  return Object.fromEntries(others.map((name) => [name, wished[name] ?? null]));
}
