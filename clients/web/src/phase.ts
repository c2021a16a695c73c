/** Whose turn it is, as a person sees it. Pure. */

import type { ServerEvent } from "./events.js";

/**
 * `off`: no connection; `listening`: nobody speaks; `hearing`: the user speaks; `thinking`: an answer is under way;
 * `speaking`: the reply is heard, which may be well after it was sent.
 */
export type Phase = "off" | "listening" | "hearing" | "thinking" | "speaking";

/** What moves it beside the server's events. */
export type LocalEvent = { type: "connected" } | { type: "disconnected" } | { type: "sounding" } | { type: "silent" };

/** Follows one conversation. */
export class PhaseTracker {
  phase: Phase = "off";
  /** Whether what the user says is answered. */
  isAnswered = true;
  #reply = 0; // the one under way; 0 for none
  #sounding = false;

  /** Take an event, and say whether it changed `phase`. */
  apply(event: ServerEvent | LocalEvent): boolean {
    const before = this.phase;
    this.phase = this.#next(event);
    return this.phase !== before;
  }

  #next(event: ServerEvent | LocalEvent): Phase {
    switch (event.type) {
      case "connected":
        return this.phase === "off" ? "listening" : this.phase;
      case "disconnected":
        this.#reply = 0;
        this.#sounding = false;
        return "off";
      case "turn.start":
      case "turn.resume":
        return "hearing";
      case "turn.end":
        if (event.text !== "" && this.isAnswered) return "thinking";
        return this.phase === "hearing" ? this.#rest() : this.phase; // nothing was said that an answer could be to
      case "reply.start":
        this.#reply = event.reply;
        return this.#rest();
      case "audio.end":
        // What is still to be heard keeps it `speaking`; the silence after it is nobody's thinking.
        if (event.reply === this.#reply) this.#reply = 0;
        return this.phase;
      case "reply.end":
        if (event.reply === this.#reply) this.#reply = 0;
        return this.phase === "thinking" || this.phase === "speaking" ? this.#rest() : this.phase;
      case "sounding":
        this.#sounding = true;
        return this.phase === "hearing" ? "hearing" : "speaking";
      case "silent":
        this.#sounding = false;
        return this.phase === "speaking" ? this.#rest() : this.phase;
      default:
        return this.phase;
    }
  }

  #rest(): Phase {
    if (this.#sounding) return "speaking";
    return this.#reply === 0 ? "listening" : "thinking";
  }
}
