/** What was typed and is on its way. Pure. */

/** Sends texts; those that could not be sent come back together, in order, once none is on its way. */
export class Outbox {
  #texts: (string | null)[] = []; // null: sent
  #underWay = 0;

  /** What is on its way, in order. */
  get waiting(): string[] {
    return this.#texts.filter((each) => each !== null);
  }

  /**
   * @param deliver sends it; false where it could not. Where it throws, the text comes back with the next.
   * @returns what to put back into the entry.
   */
  async send(text: string, deliver: (text: string) => Promise<boolean>): Promise<string[]> {
    const at = this.#texts.push(text) - 1;
    this.#underWay++;
    try {
      if (await deliver(text)) this.#texts[at] = null;
    } finally {
      this.#underWay--;
    }
    if (this.#underWay > 0) return [];
    const unsent = this.waiting;
    this.#texts = [];
    return unsent;
  }
}
