/** What page and audio thread say to each other. */

import type { Playhead } from "../jitter-buffer.js";

/** From the microphone's worklet: 20 ms of 16 kHz audio, or less after a flush. */
export interface CapturedFrame {
  samples: Int16Array<ArrayBuffer>;
  /** When its first sample was heard, on the clock of `Date.now`. */
  atMs: number;
  /** Whether this answers a flush. */
  flushed: boolean;
}

/** To the microphone's worklet: give what is gathered. */
export type CaptureCommand = "flush";

/** To the speaker's worklet. */
export type SpeakerCommand =
  | { type: "push"; reply: number; pcm: Int16Array<ArrayBuffer>; sampleRate: number; startMs: number }
  | { type: "end"; reply: number | null } // null: of all replies, nothing more comes
  | { type: "clear"; reply: number }
  | { type: "reset" };

/** From the speaker's worklet: where it is, at least every 40 ms while it sounds. */
export interface Mark extends Playhead {
  /** When the position holds, in seconds of the context's clock. */
  at: number;
  waitingMs: number;
  underruns: number;
  delayMs: number;
}
