/** What a conversation was asked for, and what to tell it when something else is wished. Pure. */

import type { Settings } from "@voicesrv/web";

/** What a server does that is told nothing. docs/protocol.md; its operator may have chosen others. */
const STANDARD: Settings = {
  mode: "converse",
  agent: "default",
  language: "en",
  keyterms: [],
  stt: "auto",
  llm: "auto",
  tts: "auto",
  voice: "",
  interim: true,
  endpointing_ms: 300,
  endpointing_max_ms: 1500,
  eager_ms: 0,
  interrupt: true,
  words: false,
  visemes: false,
  instructions: "",
  tools: [],
};
const NAMES = Object.keys(STANDARD) as (keyof Settings)[];

/* Push to talk sets the waits as it needs them: what is in force of them says nothing of what was asked for. */
const TELLING = NAMES.filter((name) => !name.startsWith("endpointing"));

/** Follows the settings of one client. */
export class Asked {
  readonly #named = new Set<keyof Settings>(); // what was ever asked for
  #standard = STANDARD;
  #told: Settings;
  #wished: string; // what was refused is not asked for again, however often it is set
  #isOpen = false; // the server has not answered yet

  /** @param settings that the client was made with. */
  constructor(settings: Settings) {
    this.#name(settings);
    this.#told = whole(settings, STANDARD);
    this.#wished = JSON.stringify(settings);
  }

  /** A connection stands. What was never asked for is the server's own choice, to go back to. */
  ready(inForce: Settings): void {
    const chosen = among(inForce, (name) => !this.#named.has(name));
    this.#standard = { ...this.#standard, ...chosen };
    this.#told = { ...this.#told, ...chosen };
  }

  /**
   * Say what to tell where these are wished from now on.
   *
   * @returns null where they are the same as before, as frameworks set them; nothing where they are in force again.
   */
  change(settings: Settings): Settings | null {
    const before = this.#wished;
    this.#wished = JSON.stringify(settings);
    if (this.#wished === before) return null;
    const wished = whole(settings, this.#standard);
    const changed = NAMES.filter((name) => JSON.stringify(wished[name]) !== JSON.stringify(this.#told[name]));
    if (changed.length === 0) return {};
    if (changed.includes("endpointing_ms")) changed.push("endpointing_max_ms"); // or one wait would be meant for all
    this.#name(settings);
    this.#told = wished;
    this.#isOpen = true;
    return Object.fromEntries(changed.map((name) => [name, wished[name]]));
  }

  /** The server has taken what it was told. */
  taken(): void {
    this.#isOpen = false;
  }

  /** The server refused something: if that was settings, then all that it was told together. */
  refused(inForce: Settings): void {
    if (this.#isOpen) this.#told = { ...this.#told, ...among(inForce) };
    this.#isOpen = false;
  }

  #name(settings: Settings): void {
    for (const name of NAMES) if (name in settings) this.#named.add(name);
  }
}

function whole(settings: Settings, standard: Settings): Settings {
  const waits = settings.endpointing_ms === undefined ? {} : { endpointing_max_ms: 0 };
  return { ...standard, ...waits, ...settings };
}

function among(inForce: Settings, isMeant: (name: keyof Settings) => boolean = () => true): Settings {
  const names = TELLING.filter((name) => name in inForce && isMeant(name));
  return Object.fromEntries(names.map((name) => [name, inForce[name]]));
}
