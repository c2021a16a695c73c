/** What to tell a client when something else is wished of it. Pure. */

import type { Changes, Settings } from "@voicesrv/web";

type Name = keyof Settings;

/** Follows what is wished of one client. What the page asks of it besides is left alone. */
export class Asked {
  #wished: Settings;
  #refused: readonly Name[] = []; // together, so that they are told anew together

  /** @param settings that the client was made with. */
  constructor(settings: Settings) {
    this.#wished = settings;
  }

  /**
   * Say what to tell where these are wished from now on: what is another than before, and null for what is not wished
   * any more.
   *
   * @returns null where they are the same as before, as frameworks set them; what was refused is not told again then.
   */
  change(settings: Settings): Changes | null {
    const names = new Set([...Object.keys(this.#wished), ...Object.keys(settings)]) as Set<Name>;
    const isOther = (name: Name): boolean => JSON.stringify(this.#wished[name]) !== JSON.stringify(settings[name]);
    const others = new Set([...names].filter(isOther));
    this.#wished = settings;
    if (others.size === 0) return null;
    // Alone, the first would be meant for both.
    if (others.has("endpointing_ms") && settings.endpointing_max_ms !== undefined) others.add("endpointing_max_ms");
    if (this.#refused.some((name) => others.has(name))) {
      for (const name of this.#refused) if (name in settings) others.add(name);
      this.#refused = [];
    }
    return Object.fromEntries([...others].map((name) => [name, settings[name] ?? null]));
  }

  /** The server made none of these changes. */
  refused(changes: Changes): void {
    this.#refused = Object.keys(changes) as Name[];
  }
}
