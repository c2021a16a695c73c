/** What went wrong and what to do about it, one notice for each subject. */

import { h } from "../shared/dom.js";
import type { Advice, Remedy, Subject } from "./advice.js";

const LABELS: Record<Remedy, string> = {
  connect: "Try again",
  now: "Try now",
  join: "Join",
  key: "Enter a key",
  microphone: "Try again",
  sound: "Turn sound on",
  anew: "New conversation",
  defaults: "Use what the server chooses",
  reload: "Reload",
};

/** A notice that stands. */
interface Shown {
  advice: Advice;
  element: HTMLElement;
  count: HTMLElement;
  timer: ReturnType<typeof setInterval> | undefined;
}

/** Shows advice until it is settled, dismissed, or another of its subject comes. */
export class NoticesView {
  readonly #container: HTMLElement;
  readonly #home: HTMLElement;
  readonly #apply: (remedy: Remedy) => void;
  readonly #shown = new Map<Subject, Shown>();

  /**
   * @param home where the focus goes that was on a notice.
   * @param apply what a notice's button does.
   */
  constructor(container: HTMLElement, home: HTMLElement, apply: (remedy: Remedy) => void) {
    this.#container = container;
    this.#home = home;
    this.#apply = apply;
  }

  /** @returns whether it is news: the same once more, as at each vain try, leaves the notice and its focus alone. */
  show(advice: Advice): boolean {
    const { subject, tone, text, remedy, retryAfterMs } = advice;
    const before = this.#shown.get(subject);
    if (before?.advice.text === text && before.advice.remedy === remedy) {
      clearInterval(before.timer);
      before.timer = countdown(before.count, retryAfterMs);
      return false;
    }
    this.settle(subject);
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
    this.#shown.set(subject, { advice, element, count, timer: countdown(count, retryAfterMs) });
    this.#container.append(element);
    return true;
  }

  /** The subject is well again. */
  settle(subject: Subject): void {
    const shown = this.#shown.get(subject);
    if (shown === undefined) return;
    clearInterval(shown.timer);
    if (shown.element.contains(document.activeElement)) this.#home.focus();
    shown.element.remove();
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
  element.textContent = "";
  if (ms === null) return undefined;
  const until = performance.now() + ms;
  const show = (): void => {
    const left = Math.ceil((until - performance.now()) / 1000);
    element.textContent = left > 0 ? ` Next try in ${left} s.` : "";
  };
  show();
  return setInterval(show, 500);
}
