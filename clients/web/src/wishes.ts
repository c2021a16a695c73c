/** What a conversation is to be like: what is in force, and what was asked for and not answered yet. Pure. */

import type { Command } from "./protocol.js";
import type { Changes, Settings } from "./settings.js";
import { without } from "./without.js";

/** The silences that end a turn; null for those that the server chooses. */
export type Waits = Required<Pick<Changes, "endpointing_ms" | "endpointing_max_ms">>;

interface Wanted {
  settings: Settings;
  waits: Waits;
}

const SERVERS_CHOICE: Wanted = { settings: {}, waits: { endpointing_ms: null, endpointing_max_ms: null } };
const MAX_ASKED = 100;

/**
 * Settings over all connections of a client. The twin of clients/python/voicesrv_client/wishes.py.
 *
 * Only what the server has agreed to is asked of the next conversation in its address, where a refusal would end it.
 */
export class Wishes {
  #kept: Wanted = SERVERS_CHOICE;
  #asked = new Map<string, Changes>(); // by the id of its `configure`
  #count = 0;

  /**
   * @param pushToTalk only `finalize` ends a turn; the waits of `settings` are for when it is switched off.
   * @param goesOn with a conversation that has settings of its own, so that these are yet to be asked for.
   */
  constructor(settings: Settings = {}, pushToTalk = false, goesOn = false) {
    this.keep(settings);
    if (pushToTalk) this.keep({ endpointing_ms: 0 });
    if (!goesOn) return;
    this.#asked.set(this.#nextId(), this.#kept.settings);
    this.#kept = { ...this.#kept, settings: {} };
  }

  /** What is wanted, answered or not. */
  get settings(): Settings {
    return this.#wanted.settings;
  }

  /** The silences that were wanted last beside push to talk. */
  get waits(): Waits {
    return this.#wanted.waits;
  }

  /** What a new conversation is asked for in its address. */
  get query(): Omit<Settings, "instructions" | "tools"> {
    const { instructions, tools, ...query } = this.#kept.settings;
    return query;
  }

  /**
   * Want changes from the next conversation on.
   *
   * @throws {TypeError} they are no JSON.
   */
  keep(changes: Changes): void {
    JSON.stringify(changes); // whoever gives them is told, not whoever sends them
    this.#kept = after(this.#kept, changes);
  }

  /** While push to talk takes their place, want other silences for when it is switched off. Gives what is left. */
  putAside({ endpointing_ms, endpointing_max_ms, ...rest }: Changes): Changes {
    const { waits } = after(this.#kept, without(undefined, { endpointing_ms, endpointing_max_ms } as Changes));
    this.#kept = { ...this.#kept, waits };
    return rest;
  }

  /** The conversation that was to go on is lost: the next one is asked for all in its address. */
  anew(): void {
    this.#kept = this.#wanted;
    this.#asked.clear();
  }

  /** Forget what has no answer: the server can make nothing of it. */
  forget(): void {
    this.#asked.clear();
  }

  /** Want changes in the conversation that is under way; null where too many have no answer. */
  ask(changes: Changes): Command | null {
    if (this.#asked.size === MAX_ASKED) return null;
    const id = this.#nextId();
    this.#asked.set(id, without(undefined, changes));
    return configure(id, changes);
  }

  /** A new conversation stands, as `query` asked for it: what no address can hold is yet to be asked for. */
  begun(): void {
    const { instructions, tools } = this.#kept.settings;
    const rest = without(undefined, { instructions, tools }) as Settings;
    if (Object.keys(rest).length === 0) return;
    this.#kept = { ...this.#kept, settings: this.query };
    this.#asked = new Map([[this.#nextId(), rest], ...this.#asked]);
  }

  /** What has no answer: a connection that broke may have swallowed it. */
  get unanswered(): Command[] {
    return [...this.#asked].map(([id, changes]) => configure(id, changes));
  }

  /** The server made the changes of this id. */
  agreed(id: string | number | null): void {
    const changes = this.#take(id);
    if (changes !== null) this.keep(changes);
  }

  /** The server made none of the changes of this id. Return them; null for an id that is not of ours. */
  refused(id: string | number | null): Changes | null {
    return this.#take(id);
  }

  get #wanted(): Wanted {
    return [...this.#asked.values()].reduce(after, this.#kept);
  }

  /** The answers come in order: what was asked before this and has none was not obeyed, and never will be. */
  #take(id: string | number | null): Changes | null {
    const changes = this.#asked.get(id as string);
    if (changes === undefined) return null;
    for (const asked of [...this.#asked.keys()]) {
      this.#asked.delete(asked);
      if (asked === id) break;
    }
    return changes;
  }

  #nextId(): string {
    return `configure-${++this.#count}`;
  }
}

function configure(id: string, changes: Changes): Command {
  return { type: "configure", id, ...changes };
}

function after({ settings, waits }: Wanted, changes: Changes): Wanted {
  const { endpointing_ms, endpointing_max_ms } = changes;
  const next: Changes = { ...settings, ...without(undefined, changes) };
  // By the server's rule, who names one wait means that one, and who takes it back takes both.
  const isOne = endpointing_ms !== undefined && endpointing_max_ms === undefined;
  if (isOne) delete next.endpointing_max_ms;
  const wanted = without(null, next) as Settings;
  if (endpointing_ms === 0 || (endpointing_ms === undefined && endpointing_max_ms === undefined)) {
    return { settings: wanted, waits };
  }
  const longest = isOne ? (endpointing_ms === null ? null : 0) : endpointing_max_ms;
  return {
    settings: wanted,
    waits: {
      endpointing_ms: endpointing_ms === undefined ? waits.endpointing_ms : endpointing_ms,
      endpointing_max_ms: longest === undefined ? waits.endpointing_max_ms : longest,
    },
  };
}
