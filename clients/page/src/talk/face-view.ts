/** A face in the dial: drawn by `<voice-avatar>`, which is fetched when somebody wants to see it. */

import type { VoiceAvatarElement } from "@voicesrv/avatar";
import type { VoiceClient } from "@voicesrv/web";
import { byId } from "../shared/dom.js";

/** Follows the client that is in use, or goes. */
export class FaceView {
  readonly #dial = byId("dial");
  #face: VoiceAvatarElement | null = null;
  #client: VoiceClient | null = null;
  #isFetching = false;

  /** @param client whose replies it speaks; null for no face. */
  show(client: VoiceClient | null): void {
    this.#client = client;
    if (client !== null && this.#face === null) void this.#fetch();
    else this.#follow();
  }

  async #fetch(): Promise<void> {
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      const { VoiceAvatarElement } = await import("@voicesrv/avatar");
      this.#face = new VoiceAvatarElement();
      this.#face.setAttribute("face-only", "");
      this.#face.setAttribute("theme", "mint");
      this.#face.setAttribute("aria-hidden", "true"); // the page itself says what it shows
      this.#follow();
    } catch {
      // The server is away: the dial serves until it is asked for again.
    }
    this.#isFetching = false;
  }

  #follow(): void {
    const face = this.#face;
    if (face === null) return;
    if (face.client !== this.#client) face.client = this.#client;
    document.body.classList.toggle("has-face", this.#client !== null);
    if (this.#client === null) face.remove();
    else if (!face.isConnected) this.#dial.prepend(face);
  }
}
