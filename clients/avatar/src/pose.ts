/** What a face shows at one moment: all that a renderer is told. */

import { only, type VisemeWeights } from "./visemes.js";

/**
 * How it stands, as a person sees it: `off`, nobody is there; `connecting`, also on the way back from a drop;
 * `listening`, nobody speaks; `hearing`, the user does; `thinking`, an answer is under way; `speaking`; `problem`,
 * something went wrong and the user is told what to do.
 */
export type AvatarState = "off" | "connecting" | "listening" | "hearing" | "thinking" | "speaking" | "problem";

/** One moment of a face. Left and right are the viewer's. */
export interface Pose {
  state: AvatarState;
  /** The mouth: each 0 to 1, together 1. */
  visemes: VisemeWeights;
  /** Eyelids: 0 open, 1 closed. */
  blink: number;
  /** Where the eyes look: -1 left to 1 right, 0 at the viewer. */
  gazeX: number;
  /** -1 up to 1 down. */
  gazeY: number;
  /** -1 drawn down to 1 raised, 0 at rest. */
  browLeft: number;
  browRight: number;
  /** Of the inner ends: -1 stern to 1 worried. */
  browTilt: number;
  /** -1 sad to 1 glad. */
  smile: number;
  /** The head: -1 turned left to 1 turned right. */
  turn: number;
  /** -1 raised to 1 lowered. */
  nod: number;
  /** -1 leaning left to 1 leaning right. */
  tilt: number;
  /** 0 breathed out to 1 breathed in. */
  breath: number;
  /** How loud the one is who speaks, user or avatar: 0 to 1. */
  level: number;
  /** The person wants no motion but what carries meaning: that of the mouth. */
  calm: boolean;
}

/** Awake, calm, silent. */
export const REST: Readonly<Pose> = {
  state: "off",
  visemes: only("sil"),
  blink: 0,
  gazeX: 0,
  gazeY: 0,
  browLeft: 0,
  browRight: 0,
  browTilt: 0,
  smile: 0.5,
  turn: 0,
  nod: 0,
  tilt: 0,
  breath: 0,
  level: 0,
  calm: false,
};
