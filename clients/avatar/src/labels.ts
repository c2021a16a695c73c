/** The words of the element itself, to be replaced by those of another language. */

import type { AvatarState } from "./pose.js";

export interface Labels {
  /** What the drawing is called. */
  avatar: string;
  start: string;
  stop: string;
  mute: string;
  talk: string;
  /** On the button while it is held. */
  talking: string;
  retry: string;
  /** Before what the user said and what the avatar said. */
  you: string;
  agent: string;
  captions: string;
  controls: string;
  /** Where the browser waits for a gesture before it plays. */
  blocked: string;
  muted: string;
  /** Where not the page but the system mutes the microphone: a phone call, a switch on the device. */
  silenced: string;
  /** What is shown of each state; nothing for `problem`, which has its own sentence. */
  states: Readonly<Record<Exclude<AvatarState, "problem">, string>>;
}

/** What a page may give: what is left out stays as it is. */
export type LabelChanges = Partial<Omit<Labels, "states">> & { states?: Partial<Labels["states"]> };

export const ENGLISH: Labels = {
  avatar: "Voice assistant",
  start: "Start talking",
  stop: "End conversation",
  mute: "Mute microphone",
  talk: "Hold to talk",
  talking: "Let go to send",
  retry: "Try again",
  you: "You",
  agent: "Assistant",
  captions: "Captions",
  controls: "Conversation",
  blocked: "Click or press a key to hear the voice",
  muted: "Microphone muted",
  silenced: "Microphone muted by your device",
  states: {
    off: "Ready when you are",
    connecting: "Connecting…",
    listening: "Listening",
    hearing: "Listening…",
    thinking: "Thinking…",
    speaking: "Speaking",
  },
};
