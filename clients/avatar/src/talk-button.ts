/** The button of push to talk: held with a finger, a mouse or a key; a switch for those who cannot hold. */

import { html, icon } from "./html.js";

const KEYS = new Set([" ", "Enter"]);

/** Tells when it is held. */
export class TalkButton {
  readonly element = html("button", { part: "button talk-button", type: "button" });
  readonly #text = html("span");
  readonly #talk: (on: boolean) => void;
  #texts: [idle: string, held: string] = ["", ""];
  #isHeld = false;
  #isPointer = false;

  /** @param talk told when it is pressed and when it is let go. */
  constructor(talk: (on: boolean) => void) {
    this.#talk = talk;
    this.element.append(icon("microphone"), this.#text);
    this.element.addEventListener("pointerdown", this.#onPointer);
    this.element.addEventListener("pointerup", () => this.#hold(false));
    this.element.addEventListener("pointercancel", this.#onCancel);
    this.element.addEventListener("blur", () => this.#hold(false));
    this.element.addEventListener("keydown", this.#onKey);
    this.element.addEventListener("keyup", this.#onKey);
    this.element.addEventListener("click", this.#onClick);
    this.element.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch opens one
  }

  /** Name it while it is not held, and while it is. */
  label(idle: string, held: string): void {
    this.#texts = [idle, held];
    this.#show();
  }

  readonly #onPointer = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.#isPointer = true;
    this.element.setPointerCapture(event.pointerId); // it is let go wherever the finger has slid to
    this.#hold(true);
  };

  readonly #onCancel = (): void => {
    this.#isPointer = false; // no click follows
    this.#hold(false);
  };

  readonly #onKey = (event: KeyboardEvent): void => {
    if (!KEYS.has(event.key)) return;
    event.preventDefault(); // no click: the key is held
    if (!event.repeat) this.#hold(event.type === "keydown");
  };

  /** A click without a pointer and without a key comes from a screen reader or a switch, which cannot hold. */
  readonly #onClick = (): void => {
    if (!this.#isPointer) this.#hold(!this.#isHeld);
    this.#isPointer = false;
  };

  #hold(on: boolean): void {
    if (on === this.#isHeld) return;
    this.#isHeld = on;
    this.#show();
    this.#talk(on);
  }

  #show(): void {
    this.#text.textContent = this.#texts[this.#isHeld ? 1 : 0];
    this.element.toggleAttribute("data-held", this.#isHeld); // for looks; its name says it
  }
}
