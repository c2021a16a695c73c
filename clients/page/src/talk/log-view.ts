/** What was said, as a list that follows its end. */

import { h } from "../shared/dom.js";
import type { Change, Item, Reply, Turn } from "./conversation.js";
import { timingView } from "./timing-view.js";

const NEAR_PX = 80;
/* Whoever is that near to the end wants to see what comes. */

/** Shows the items of a conversation; each keeps its element for as long as it lives. */
export class LogView {
  readonly #log: HTMLElement;
  readonly #list: HTMLElement;
  readonly #elements = new Map<Item, HTMLElement>();
  #follows = true; // whether its end is to be seen
  #top = 0; // where it was scrolled to

  /** @param log what scrolls, around the list. */
  constructor(log: HTMLElement, list: HTMLElement) {
    this.#log = log;
    this.#list = list;
    log.addEventListener("scroll", () => this.#scrolled());
    // A keyboard on the screen, a notice, an entry of many lines: each takes of its height.
    new ResizeObserver(() => this.#follow()).observe(log);
  }

  show(changes: readonly Change[]): void {
    for (const { type, item } of changes) {
      if (type === "drop") this.#remove(item);
      else this.#put(item);
    }
    document.body.classList.toggle("is-empty", this.#elements.size === 0);
    this.#follow();
  }

  /** Go to its end, and stay there. */
  toEnd(): void {
    this.#follows = true;
    this.#follow();
  }

  clear(): void {
    this.show([...this.#elements.keys()].map((item) => ({ type: "drop", item })));
  }

  /** The text node of a reply that is whole; null where it is not shown, or was cut off. */
  textOf(reply: Reply): Text | null {
    const said = this.#elements.get(reply)?.querySelector(".said");
    return said?.childNodes.length === 1 && said.firstChild instanceof Text ? said.firstChild : null;
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    const isUp = scrollTop < this.#top;
    this.#top = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) this.#follows = true;
    else if (isUp) this.#follows = false; // else its room got less since it followed, and it does so again
  }

  #follow(): void {
    if (this.#follows && this.#elements.size > 0) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #put(item: Item): void {
    let element = this.#elements.get(item);
    if (element === undefined) {
      element = h("li", { className: item.kind });
      this.#elements.set(item, element);
      this.#list.append(element);
    }
    if (item.kind === "turn") showTurn(element, item);
    else if (item.kind === "reply") showReply(element, item);
    else element.textContent = item.text;
  }

  #remove(item: Item): void {
    this.#elements.get(item)?.remove();
    this.#elements.delete(item);
  }
}

function showTurn(element: HTMLElement, turn: Turn): void {
  element.classList.toggle("is-settled", turn.settled);
  const isWaiting = turn.stable === "" && turn.tentative === "";
  element.replaceChildren(
    h("span", { className: "unseen" }, "You: "),
    h(
      "p",
      { className: "said" },
      h("span", { className: "stable" }, turn.stable),
      turn.tentative !== "" && h("span", { className: "tentative" }, turn.tentative),
      isWaiting && h("span", { className: "waiting", "aria-hidden": "true" }, "…"),
    ),
  );
}

function showReply(element: HTMLElement, reply: Reply): void {
  const { text, heardLength } = reply;
  let said = element.querySelector<HTMLElement>(".said");
  if (said === null) {
    said = h("p", { className: "said" });
    element.append(h("span", { className: "unseen" }, "Reply: "), said);
  }
  if (heardLength === null || heardLength >= text.length) {
    // The node stays, as words are marked in it while they sound.
    if (said.firstChild instanceof Text && said.childNodes.length === 1) said.firstChild.data = text;
    else said.replaceChildren(text);
  } else {
    const unheard = h(
      "s",
      { className: "unheard" },
      h("span", { className: "unseen" }, " (not heard: "),
      text.slice(heardLength),
      h("span", { className: "unseen" }, ")"),
    );
    said.replaceChildren(text.slice(0, heardLength), unheard);
  }
  said.hidden = text === "";
  element.querySelector(".aside")?.remove();
  const ending = endingText(reply);
  if (ending !== "") said.after(h("p", { className: "aside" }, ending));
  if (reply.stages.length > 0 && element.querySelector(".timing") === null) element.append(timingView(reply.stages));
}

/** What became of a reply that was not heard to its end; empty for the others. Pure. */
export function endingText({ text, heardLength, ending }: Reply): string {
  const wasHeard = heardLength !== null && heardLength >= text.length;
  return wasHeard && ending !== "failed" ? "" : (ENDINGS[ending] ?? "");
}

const ENDINGS: Record<string, string> = {
  spoken_over: "Talked over.",
  typed_over: "Cut off by the next message.",
  cancelled: "Stopped.",
  failed: "It could not be finished.",
};
/* Not "you": a conversation may have others in it. */
