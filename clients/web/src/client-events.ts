/** What a `VoiceClient` tells a page: its events and its state. */

import type { Level } from "./capture.js";
import type { VoiceError } from "./errors.js";
import type { ServerEvent } from "./events.js";
import type { MicrophoneState } from "./microphone.js";
import type { Phase } from "./phase.js";
import type { Audio } from "./protocol.js";
import type { SpeakerState } from "./speaker.js";

/** `reconnecting`: the connection was lost, and the client is on its way back by itself. */
export type ClientState = "idle" | "connecting" | "connected" | "reconnecting";

/** How it goes; the units are in the names. */
export interface Stats {
  reconnections: number;
  /** Microphone audio that was lost because a drop lasted longer than what is kept. */
  lost_ms: number;
  /** From the first sample of the last frame of the microphone to its being sent. */
  microphone_age_ms: number;
  /** Replies that ran dry in their midst. */
  underruns: number;
  /** Lateness of audio that is hidden. */
  jitter_delay_ms: number;
  /** Audio that has arrived and waits to be played. */
  waiting_ms: number;
  /** From the audio thread to the ear, as far as the browser knows. */
  output_latency_ms: number;
}

type WireEvents = { [E in Exclude<ServerEvent, { type: "error" }> as E["type"]]: CustomEvent<E> };

/** The events of a `VoiceClient`: those of the server under their own names, and those of the page's side. */
export interface VoiceClientEventMap extends WireEvents {
  /** A piece of a reply's audio has arrived. */
  audio: CustomEvent<Audio>;
  /**
   * Something went wrong; `message` is a sentence for people. The conversation is over if it is `fatal`. Where it is the
   * answer to a `configure`, `refused` has what that asked for, of which nothing was done.
   */
  error: CustomEvent<VoiceError>;
  state: CustomEvent<{ state: ClientState; previous: ClientState }>;
  phase: CustomEvent<{ phase: Phase; previous: Phase }>;
  /** `muted` by the page; `silenced` by the system, as for a phone call: it is heard again when that lets it. */
  microphone: CustomEvent<{
    state: MicrophoneState;
    muted: boolean;
    silenced: boolean;
    label: string;
    deviceId: string | undefined;
  }>;
  /** Every 60 ms while the microphone is on. */
  level: CustomEvent<Level>;
  /** `blocked`: sound begins with the next click or key, as browsers want it. */
  speaker: CustomEvent<{ state: SpeakerState }>;
  /** A reply begins or ceases to be heard. */
  playing: CustomEvent<{ reply: number; playing: boolean }>;
  /** How much of a reply has been heard, at least every 250 ms while it sounds. */
  played: CustomEvent<{ reply: number; played_ms: number }>;
}

interface Typed extends EventTarget {
  addEventListener<K extends keyof VoiceClientEventMap>(
    type: K,
    listener: (event: VoiceClientEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof VoiceClientEventMap>(
    type: K,
    listener: (event: VoiceClientEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** An EventTarget that knows what each event carries. */
export const TypedEventTarget = EventTarget as { new (): Typed };
