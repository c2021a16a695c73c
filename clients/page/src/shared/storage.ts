/** What the browser keeps for this page: where it is told to keep nothing, the mere look at a storage throws. */

/** A storage that may be absent, blocked or full, and never throws. */
export class Keeper {
  readonly #storage: () => Storage;

  /** @param storage looks it up; may throw. */
  constructor(storage: () => Storage) {
    this.#storage = storage;
  }

  /** Null where there is nothing. */
  get(name: string): string | null {
    try {
      return this.#storage().getItem(name);
    } catch {
      return null;
    }
  }

  /** @returns whether it is kept. */
  set(name: string, value: string): boolean {
    try {
      this.#storage().setItem(name, value);
      return true;
    } catch {
      return false;
    }
  }

  remove(name: string): void {
    try {
      this.#storage().removeItem(name);
    } catch {
      // Nothing was kept.
    }
  }
}

/** Kept for all tabs, and over their end. */
export const lasting = new Keeper(() => localStorage);
/** Kept for this tab alone; one that is duplicated takes a copy along. */
export const ofTab = new Keeper(() => sessionStorage);
