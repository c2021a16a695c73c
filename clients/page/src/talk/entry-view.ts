/** The entry for what is typed: sends it, and takes back what could not be sent. */

import { byId, h } from "../shared/dom.js";
import { Outbox } from "./outbox.js";

/** How many bytes a text is as a message of the native protocol; what the server takes of them is limited. Pure. */
export function messageBytes(text: string): number {
  return new TextEncoder().encode(JSON.stringify({ type: "text", text })).length;
}

/** What is typed or pasted, without what JSON cannot carry: NUL, and half of a character. Pure. */
export function carried(text: string): string {
  return text
    .replaceAll("\0", "")
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .trim();
}

/** Whether a key sends what is typed. In Safari the Enter that confirms a word is told by its code alone. Pure. */
export function sends({ key, shiftKey, isComposing, keyCode }: KeyboardEvent): boolean {
  return key === "Enter" && !shiftKey && !isComposing && keyCode !== IN_COMPOSITION;
}

const IN_COMPOSITION = 229;
/* UI Events, "keydown" of input method editors. */

export class EntryView {
  readonly #form = byId<HTMLFormElement>("entry");
  readonly #text = byId<HTMLTextAreaElement>("text");
  readonly #problem = byId("entry-problem");
  readonly #excess = h("span", { "aria-hidden": "true" }); // it changes with each key: too much to be read aloud
  readonly #outbox = new Outbox();
  readonly #deliver: (text: string) => Promise<boolean>;
  readonly #maxBytes: () => number;

  /**
   * @param deliver sends a text; false where it could not.
   * @param maxBytes how large a message may be.
   * @param begun called when somebody is about to type.
   */
  constructor(deliver: (text: string) => Promise<boolean>, maxBytes: () => number, begun: () => void) {
    this.#deliver = deliver;
    this.#maxBytes = maxBytes;
    this.#text.onfocus = begun;
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      void this.#send();
    };
    this.#text.oninput = () => this.#fits();
    this.#text.onkeydown = (event) => {
      if (!sends(event)) return;
      event.preventDefault();
      this.#form.requestSubmit();
    };
  }

  /** What is typed, after what is on its way: a page that goes away takes both along. */
  get draft(): string {
    return joined(...this.#outbox.waiting, this.#text.value);
  }

  set draft(text: string) {
    this.#text.value = text;
    this.#fits();
  }

  async #send(): Promise<void> {
    const typed = carried(this.#text.value);
    if (typed === "" || !this.#fits()) return;
    this.#text.value = "";
    const unsent = await this.#outbox.send(typed, this.#deliver);
    if (unsent.length > 0) this.draft = joined(...unsent, this.#text.value);
  }

  /** Whether the server takes it; where not, say so and leave it be. */
  #fits(): boolean {
    const [bytes, most] = [messageBytes(carried(this.#text.value)), this.#maxBytes()];
    const isTooLong = bytes > most;
    if (isTooLong !== (this.#text.getAttribute("aria-invalid") === "true")) {
      this.#text.setAttribute("aria-invalid", String(isTooLong));
      const limit = `This is too long: the server takes ${inWords(most)} bytes at most. Shorten it, or send it in parts.`;
      this.#problem.replaceChildren(...(isTooLong ? [limit, this.#excess] : []));
    }
    this.#excess.textContent = ` It has ${inWords(bytes)}.`;
    return !isTooLong;
  }
}

const joined = (...texts: string[]): string => texts.filter((each) => each !== "").join("\n");
const inWords = (bytes: number): string => bytes.toLocaleString("en");
