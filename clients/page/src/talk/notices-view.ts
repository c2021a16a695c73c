/** What went wrong and what to do about it, one notice for each subject. */

import { h } from "../shared/dom.js";
import type { Advice, Remedy, Subject } from "./advice.js";

const LABELS: Record<Remedy, string> = {
  connect: "Try again",
  join: "Join",
  key: "Enter a key",
  microphone: "Try again",
  sound: "Turn sound on",
  anew: "New conversation",
  defaults: "Use what the server chooses",
  reload: "Reload",
};

/** Shows advice until it is settled, dismissed, or another of its subject comes. */
export class NoticesView {
  readonly #container: HTMLElement;
  readonly #apply: (remedy: Remedy) => void;
  readonly #shown = new Map<Subject, { element: HTMLElement; timer: ReturnType<typeof setInterval> | undefined }>();

  /** @param apply what a notice's button does. */
  constructor(container: HTMLElement, apply: (remedy: Remedy) => void) {
    this.#container = container;
    this.#apply = apply;
  }

  show(advice: Advice): void {
    this.settle(advice.subject);
    const { subject, tone, text, remedy, retryAfterMs } = advice;
    const count = h("span", { "aria-hidden": "true" });
    const element = h(
      "div",
      { className: `notice is-${tone}`, role: tone === "trouble" ? "alert" : "status" },
      h("p", {}, text, count),
      remedy &&
        h("button", {
          type: "button",
          className: "plain",
          textContent: LABELS[remedy],
          onclick: () => this.#apply(remedy),
        }),
      tone === "trouble" && dismissal(() => this.settle(subject)),
    );
    this.#shown.set(subject, { element, timer: countdown(count, retryAfterMs) });
    this.#container.append(element);
  }

  /** The subject is well again. */
  settle(subject: Subject): void {
    const shown = this.#shown.get(subject);
    clearInterval(shown?.timer);
    shown?.element.remove();
    this.#shown.delete(subject);
  }
}

function dismissal(onclick: () => void): HTMLElement {
  const SVG = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  use.setAttribute("href", "#i-close");
  icon.append(use);
  return h("button", { type: "button", className: "tool", onclick, "aria-label": "Dismiss" }, icon);
}

/** Count the seconds down that are left; for the eye alone, as a voice would count aloud. */
function countdown(element: HTMLElement, ms: number | null): ReturnType<typeof setInterval> | undefined {
  if (ms === null) return undefined;
  const until = performance.now() + ms;
  const show = (): void => {
    const left = Math.ceil((until - performance.now()) / 1000);
    element.textContent = left > 0 ? ` Next try in ${left} s.` : "";
  };
  show();
  return setInterval(show, 500);
}
