/** What is around the face: captions, what went wrong, how it stands, and the buttons. Text only, never markup. */

import type { AgentCaption, UserCaption } from "./captions.js";
import { elementStyles } from "./element-styles.js";
import { faceStyles } from "./face-styles.js";
import { html, icon } from "./html.js";
import type { Labels } from "./labels.js";
import type { AvatarState } from "./pose.js";
import { TalkButton } from "./talk-button.js";

/** What the buttons do. */
export interface ViewActions {
  start(): void;
  stop(): void;
  retry(): void;
  mute(muted: boolean): void;
  talk(on: boolean): void;
}

/** All that the view shows but the captions, which change more often. */
export interface ViewState {
  state: AvatarState;
  isOn: boolean;
  muted: boolean;
  hasMicrophone: boolean;
  /** The system mutes it. */
  isSilenced: boolean;
  pushToTalk: boolean;
  /** The browser waits for a gesture before it plays. */
  isBlocked: boolean;
  /** The sentence that tells what went wrong and what to do; empty where all is well. */
  problem: string;
  /** What went wrong is a part that can be started again while the rest goes on. */
  canRetry: boolean;
  labels: Labels;
}

/** The element's shadow tree. */
export class View {
  readonly stage = html("div", { part: "stage", role: "img", tabindex: "-1" }); // where the focus goes from what goes
  readonly #stable = html("span", { part: "stable" });
  readonly #tentative = html("span", { part: "tentative" });
  readonly #heard = html("span", { part: "heard" });
  readonly #ahead = html("span", { part: "ahead" });
  readonly #cutOff = html("s", { part: "cut-off" });
  readonly #you = html("span", { class: "unseen" });
  readonly #agent = html("span", { class: "unseen" });
  // What is said has its own direction; whose it is, and the bubble, have the page's.
  readonly #yours = html("span", { class: "line", dir: "auto" }, this.#stable, this.#tentative);
  readonly #its = html("span", { class: "line", dir: "auto" }, this.#heard, this.#ahead, this.#cutOff);
  readonly #user = html("p", { part: "caption user-caption" }, this.#you, this.#yours);
  readonly #reply = html("p", { part: "caption agent-caption" }, this.#agent, this.#its);
  readonly #captions = html("div", { part: "captions", role: "group" }, this.#user, this.#reply);
  readonly #problemText = html("span");
  readonly #retry = html("button", { part: "button retry-button", type: "button" });
  readonly #problem = html("div", { part: "problem", role: "alert" });
  readonly #status = html("p", { part: "status" });
  readonly #announced = html("p", { class: "unseen", role: "status" });
  readonly #log = html("div", { class: "unseen", role: "log" });
  readonly #toggleText = html("span");
  readonly #toggle = html("button", { part: "button start-button", type: "button" });
  readonly #mute = html("button", { part: "button mute-button", type: "button" });
  readonly #talk: TalkButton;
  readonly #controls: HTMLElement;
  readonly #root: ShadowRoot;
  #isOn: boolean | null = null;

  constructor(root: ShadowRoot, actions: ViewActions) {
    this.#root = root;
    this.dress();
    this.#talk = new TalkButton((on) => actions.talk(on));
    this.#controls = html("div", { part: "controls", role: "group" }, this.#talk.element, this.#mute, this.#toggle);
    const texts = [this.#captions, this.#problem, this.#status, this.#announced, this.#log];
    root.append(this.stage, ...texts, this.#controls);
    this.#toggle.addEventListener("click", () => (this.#isOn ? actions.stop() : actions.start()));
    this.#mute.addEventListener("click", () => actions.mute(this.#mute.getAttribute("aria-pressed") !== "true"));
    this.#retry.addEventListener("click", () => actions.retry());
    this.#captions.hidden = true;
  }

  /** Put its looks on, which browsers take off what comes into another document. */
  dress(): void {
    const page = this.#root.ownerDocument.defaultView;
    if (page !== null) this.#root.adoptedStyleSheets = [elementStyles(page), faceStyles(page)]; // else nobody sees it
  }

  update(shown: ViewState): void {
    const { state, labels, isOn } = shown;
    const status = statusOf(shown);
    this.stage.setAttribute("aria-label", status === "" ? labels.avatar : `${labels.avatar}: ${status}`);
    this.#status.textContent = status;
    this.#status.dataset.state = state;
    // Not each change of turn: a voice that tells them would talk into the conversation.
    if (state === "off" || state === "connecting" || state === "listening") setText(this.#announced, status);
    this.#showProblem(shown);
    this.#showButtons(shown);
    this.#you.textContent = `${labels.you}: `;
    this.#agent.textContent = `${labels.agent}: `;
    this.#captions.setAttribute("aria-label", labels.captions);
    this.#controls.setAttribute("aria-label", labels.controls);
    this.#isOn = isOn;
  }

  /** Show captions; null for none. */
  caption(user: UserCaption | null, agent: AgentCaption | null): void {
    const texts: [HTMLElement, string | undefined][] = [
      [this.#stable, user?.stable],
      [this.#tentative, user?.tentative],
      [this.#heard, agent?.heard],
      [this.#ahead, agent?.ahead],
      [this.#cutOff, agent?.cutOff],
    ];
    const changed = texts.filter(([element, text]) => setText(element, text ?? ""));
    if (changed.length === 0) return; // which is so for most frames, and looking for the line costs a layout
    this.#user.hidden = !user?.stable && !user?.tentative;
    this.#reply.hidden = !agent?.heard && !agent?.ahead && !agent?.cutOff;
    this.#captions.hidden = this.#user.hidden && this.#reply.hidden;
    this.#follow();
  }

  /** Have a whole line told by a screen reader. */
  announce(who: string, text: string): void {
    this.#log.replaceChildren(html("p", {}, `${who}: ${text}`));
  }

  /** Keep what is being said in view, where it is longer than its box. */
  #follow(): void {
    if (allowScroll(this.#user)) this.#user.scrollTop = this.#user.scrollHeight;
    if (!allowScroll(this.#reply)) return;
    const box = this.#reply;
    const line = this.#ahead.offsetTop - box.clientHeight / 2;
    if (Math.abs(box.scrollTop - line) > box.clientHeight / 4) box.scrollTop = line;
  }

  #showProblem({ problem, canRetry, labels }: ViewState): void {
    const hadFocus = this.#root.activeElement === this.#retry;
    setText(this.#retry, labels.retry);
    this.#retry.hidden = !canRetry;
    // What is put into an alert is told; what only becomes visible is not, in some browsers.
    if (setText(this.#problemText, problem)) {
      if (problem === "") this.#problem.replaceChildren();
      else if (!this.#problem.hasChildNodes()) this.#problem.append(this.#problemText, this.#retry);
    }
    // Not to another button, which a key that is held would press.
    if (hadFocus && (!canRetry || problem === "")) this.stage.focus({ preventScroll: true });
  }

  #showButtons({ isOn, muted, hasMicrophone, pushToTalk, problem, labels }: ViewState): void {
    const start = problem === "" ? labels.start : labels.retry;
    if (isOn !== this.#isOn) {
      this.#toggle.replaceChildren(icon(isOn ? "stop" : "microphone"), this.#toggleText);
      this.#toggle.setAttribute("part", `button ${isOn ? "stop-button" : "start-button"}`);
    }
    this.#toggleText.className = isOn ? "unseen" : "";
    this.#toggleText.textContent = isOn ? labels.stop : start;
    this.#toggle.title = isOn ? labels.stop : "";
    const wasMuted = this.#mute.getAttribute("aria-pressed");
    if (wasMuted !== String(muted)) {
      this.#mute.replaceChildren(icon(muted ? "muted" : "microphone"));
      this.#mute.setAttribute("aria-pressed", String(muted));
    }
    this.#mute.setAttribute("aria-label", labels.mute);
    this.#mute.title = labels.mute;
    this.#mute.hidden = !isOn || !hasMicrophone || pushToTalk;
    this.#talk.element.hidden = !isOn || !hasMicrophone || !pushToTalk;
    this.#talk.label(labels.talk, labels.talking);
  }
}

function statusOf({ state, isBlocked, muted, hasMicrophone, isSilenced, labels }: ViewState): string {
  if (state === "problem") return "";
  if (isBlocked && state !== "off" && state !== "connecting") return labels.blocked;
  if (muted && hasMicrophone && state === "listening") return labels.muted;
  if (isSilenced && state === "listening") return labels.silenced;
  return labels.states[state];
}

/** Let a box be scrolled by key where it is too small for what is in it, and say whether it is. */
function allowScroll(box: HTMLElement): boolean {
  const isLong = box.scrollHeight > box.clientHeight;
  if (isLong !== (box.tabIndex === 0)) box.tabIndex = isLong ? 0 : -1;
  return isLong;
}

/** Set text where it is another, as screen readers tell all that is set; say whether it was. */
function setText(element: HTMLElement, text: string): boolean {
  const isOther = element.textContent !== text;
  if (isOther) element.textContent = text;
  return isOther;
}
