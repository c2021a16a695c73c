/** The dialog with the link that others join a conversation by. */

import { byId } from "../shared/dom.js";

export class SharingView {
  readonly #link = byId<HTMLInputElement>("sharing-link");
  readonly #copy = byId<HTMLButtonElement>("copy");

  /** @param link to the conversation that is under way. */
  constructor(link: () => URL) {
    byId("share").onclick = () => {
      this.#link.value = link().href;
      this.#copy.textContent = "Copy";
      this.#copy.hidden = navigator.clipboard === undefined; // not there where the page is not secure
      byId<HTMLDialogElement>("sharing").showModal();
      this.#link.select();
    };
    this.#copy.onclick = () => void this.#copyLink();
  }

  async #copyLink(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#link.value);
      this.#copy.textContent = "Copied";
    } catch {
      this.#link.focus(); // the browser does not allow it: what is selected can be copied by hand
      this.#link.select();
    }
  }
}
