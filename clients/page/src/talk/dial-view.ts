/** The big button: whether the microphone is on, whose turn it is, and how loud it is. */

import type { ClientState, MicrophoneState, Phase } from "@voicesrv/web";
import { byId } from "../shared/dom.js";

/** What the dial shows. */
export interface DialState {
  connection: ClientState;
  phase: Phase;
  microphone: MicrophoneState;
  muted: boolean;
  pushToTalk: boolean;
  /** In push to talk, whether the button is held. */
  held: boolean;
  /** Whether a reply sounds. */
  sounding: boolean;
}

/** What a person does with it. */
export interface DialActions {
  toggle(): void;
  /** Push to talk: held down, let go. */
  press(): void;
  release(): void;
}

/** What the page says below the dial. Pure. */
export function phaseText({ connection, phase, microphone, muted, pushToTalk, held, sounding }: DialState): string {
  if (microphone === "starting") return "Waiting for the microphone…";
  if (microphone === "lost") return "The microphone is gone";
  if (connection === "connecting") return "Connecting…";
  if (connection === "reconnecting") return "Reconnecting…";
  if (pushToTalk && held) return "Listening while you hold";
  if (phase === "hearing") return "Hearing you…";
  if (phase === "thinking") return "Thinking…";
  const resting = pushToTalk ? "Hold to talk, or hold the space bar" : "Press to talk";
  if (sounding) return microphone === "on" && !muted && !pushToTalk ? "Speaking. Talk over it to stop it" : "Speaking…";
  if (microphone === "off" || pushToTalk) return resting;
  return muted ? "Muted" : "Listening…";
}

/** What the dial is called. Pure. */
export function dialLabel({ microphone, pushToTalk, held }: DialState): string {
  if (pushToTalk) return held ? "Let go to end your turn" : "Hold to talk";
  return microphone === "off" ? "Start talking" : "Stop the microphone";
}

/** What is drawn on the dial: `bars` while what is said is heard. Pure. */
export function dialIcon({ microphone, muted, pushToTalk, held }: DialState): "microphone" | "muted" | "bars" {
  if (microphone !== "on" || (pushToTalk && !held)) return "microphone";
  return muted && !pushToTalk ? "muted" : "bars";
}

/** The button itself, its ring and the line below. */
export class DialView {
  readonly #button = byId<HTMLButtonElement>("dial");
  readonly #label = byId("dial-label");
  readonly #text = byId("phase");
  readonly #mute = byId<HTMLButtonElement>("mute");
  readonly #hush = byId<HTMLButtonElement>("hush");
  #pushToTalk = false;
  #held = false;

  constructor(actions: DialActions) {
    const button = this.#button;
    const press = (): void => {
      if (!this.#pushToTalk || this.#held) return;
      this.#held = true;
      actions.press();
    };
    const release = (): void => {
      if (!this.#held) return;
      this.#held = false;
      actions.release();
    };
    button.addEventListener("click", ({ detail }) => {
      if (!this.#pushToTalk) actions.toggle();
      // Screen readers click without pressing anything: there it begins and ends.
      else if (detail === 0) (this.#held ? release : press)();
    });
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (this.#pushToTalk) button.setPointerCapture(event.pointerId);
      press();
    });
    for (const type of ["pointerup", "pointercancel"] as const) button.addEventListener(type, release);
    button.addEventListener("contextmenu", (event) => this.#pushToTalk && event.preventDefault()); // a long press
    document.addEventListener("keydown", (event) => {
      if (!this.#pushToTalk || !isTalkKey(event)) return;
      event.preventDefault();
      if (!event.repeat) press();
    });
    document.addEventListener("keyup", (event) => {
      if (event.code !== "Space" || !this.#held) return; // wherever the focus is by now
      event.preventDefault(); // no click on top of it
      release();
    });
    // A dialog gives the focus back to the button that opened it, which the space bar would press again.
    const take = (): void => {
      if (this.#pushToTalk && document.activeElement?.matches("button")) button.focus();
    };
    document.addEventListener("close", take, true);
    globalThis.addEventListener("blur", release); // the key's release goes to another window
  }

  show(state: DialState): void {
    this.#pushToTalk = state.pushToTalk;
    const icon = dialIcon(state);
    this.#button.dataset.icon = icon;
    this.#button.classList.toggle("is-on", icon === "bars" || state.sounding);
    this.#button.classList.toggle("is-waiting", state.microphone === "starting" || state.connection === "connecting");
    this.#button.classList.toggle("is-held", state.held);
    this.#label.textContent = this.#button.title = dialLabel(state);
    this.#text.textContent = phaseText(state);
    this.#mute.hidden = state.microphone === "off" || state.pushToTalk;
    this.#mute.setAttribute("aria-pressed", String(state.muted));
    this.#hush.hidden = !state.sounding && state.phase !== "thinking";
    this.#mute.title = state.muted ? "Unmute" : "Mute";
    document.body.dataset.phase = state.phase;
  }

  /** @param level 0 to 1. */
  set level(level: number) {
    this.#button.style.setProperty("--level", level.toFixed(3));
  }
}

/** The space bar, where it does nothing else. */
function isTalkKey({ code, target }: KeyboardEvent): boolean {
  const element = target instanceof Element ? target : null;
  const isBusy = element?.closest("input, textarea, select, summary, a, dialog, button:not(#dial)");
  return code === "Space" && !isBusy;
}
