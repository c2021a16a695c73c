/** Asks for a key, and tries it before it is kept. */

import { byId } from "./dom.js";
import { storeKey } from "./keys.js";
import { Server, type ServerError } from "./server.js";

/** Ask until a key is taken or nobody wants to; both pages have the same dialog in their HTML. */
export class KeyDialog {
  readonly #dialog = byId<HTMLDialogElement>("key");
  readonly #value = byId<HTMLInputElement>("key-value");
  readonly #refused = byId("key-refused");
  readonly #root: URL;
  readonly #accepted: () => void;
  readonly #takesTokens: boolean;

  /**
   * @param accepted called when a key was taken and is kept.
   * @param takesTokens whether one that serves once is enough.
   */
  constructor(root: URL, accepted: () => void, { takesTokens = true } = {}) {
    this.#root = root;
    this.#accepted = accepted;
    this.#takesTokens = takesTokens;
    byId("key-later").onclick = () => this.#dialog.close();
    byId<HTMLFormElement>("key-form").onsubmit = (event) => {
      event.preventDefault();
      void this.#try(this.#value.value.trim());
    };
  }

  /** @param refused why, where a key was refused. */
  open(refused = ""): void {
    if (this.#dialog.open) return;
    this.#refused.textContent = refused;
    this.#value.value = "";
    this.#dialog.showModal();
  }

  async #try(key: string): Promise<void> {
    const refused = await this.#refusal(key);
    this.#refused.textContent = refused;
    if (refused !== "") {
      this.#value.select();
      return;
    }
    storeKey(key);
    this.#dialog.close();
    this.#accepted();
  }

  /** Why a key is of no use; empty where it is. */
  async #refusal(key: string): Promise<string> {
    // Trying a token would spend it.
    if (Server.isToken(key)) return this.#takesTokens ? "" : "This is a token, which serves once. Enter a key.";
    return new Server(this.#root, () => key).info().then(() => "", sentence);
  }
}

function sentence({ code, message, retryAfterMs }: ServerError): string {
  if (code === "unauthorized") return "The server does not know this key.";
  if (code === "rate_limited")
    return `Too many wrong keys. Try again in ${Math.ceil((retryAfterMs ?? 60_000) / 1000)} s.`;
  return message;
}
