/** The attributes of `<voice-avatar>` as properties: what is set in one shows in the other. */

import { TypedElement } from "./avatar-events.js";

/** Texts are null where the attribute is missing. Null takes any away; so does undefined, which frameworks set. */
export class AttributedElement extends TypedElement {
  static readonly observedAttributes = [
    ...["src", "agent", "token", "voice", "language", "theme", "volume"],
    ...["push-to-talk", "captions", "muted", "autostart", "no-microphone", "face-only"],
  ];

  /** Where the server is, such as `https://voice.example.org`; the page's own where it is left out. */
  get src(): string | null {
    return this.getAttribute("src");
  }

  set src(src: string | null | undefined) {
    this.#text("src", src);
  }

  /** The named agent: instructions, model, voice, tools. */
  get agent(): string | null {
    return this.getAttribute("agent");
  }

  set agent(agent: string | null | undefined) {
    this.#text("agent", agent);
  }

  /** A voice, as the server lists them. */
  get voice(): string | null {
    return this.getAttribute("voice");
  }

  set voice(voice: string | null | undefined) {
    this.#text("voice", voice);
  }

  /** BCP-47 tag of what is spoken, or `auto`. */
  get language(): string | null {
    return this.getAttribute("language");
  }

  set language(language: string | null | undefined) {
    this.#text("language", language);
  }

  /** `light` or `dark`, and `peach` or `mint`; several with a space between. */
  get theme(): string | null {
    return this.getAttribute("theme");
  }

  set theme(theme: string | null | undefined) {
    this.#text("theme", theme);
  }

  /** How loud it is heard, 0 to 1; what is beyond is the nearest, and what is no number is 1, as is none. */
  get volume(): number {
    const volume = Number.parseFloat(this.getAttribute("volume") ?? "");
    return Number.isNaN(volume) ? 1 : Math.min(1, Math.max(0, volume));
  }

  set volume(volume: number | null | undefined) {
    this.#text("volume", volume == null ? null : String(volume));
  }

  /** The microphone is heard only while the button is held. */
  get pushToTalk(): boolean {
    return this.hasAttribute("push-to-talk");
  }

  set pushToTalk(on: boolean | null | undefined) {
    this.#switch("push-to-talk", on);
  }

  /** Show what is said. */
  get captions(): boolean {
    return this.hasAttribute("captions");
  }

  set captions(on: boolean | null | undefined) {
    this.#switch("captions", on);
  }

  /** The microphone gives silence. */
  get muted(): boolean {
    return this.hasAttribute("muted");
  }

  set muted(on: boolean | null | undefined) {
    this.#switch("muted", on);
  }

  /** Start when it is put into the page. Browsers hold the voice back until a gesture, and ask for the microphone. */
  get autostart(): boolean {
    return this.hasAttribute("autostart");
  }

  set autostart(on: boolean | null | undefined) {
    this.#switch("autostart", on);
  }

  /** It speaks, and hears nothing. */
  get noMicrophone(): boolean {
    return this.hasAttribute("no-microphone");
  }

  set noMicrophone(on: boolean | null | undefined) {
    this.#switch("no-microphone", on);
  }

  /** Nothing but the face: for a page that shows captions, buttons and problems itself. */
  get faceOnly(): boolean {
    return this.hasAttribute("face-only");
  }

  set faceOnly(on: boolean | null | undefined) {
    this.#switch("face-only", on);
  }

  #switch(name: string, on: boolean | null | undefined): void {
    this.toggleAttribute(name, on ?? false); // which would toggle it without a word
  }

  #text(name: string, value: string | null | undefined): void {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }
}
