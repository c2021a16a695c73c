/** What a face does by itself: blinks, looks about, breathes, nods. Pure: time and chance are arguments. */

import { type AvatarState, type Pose, REST } from "./pose.js";
import { smoothstep } from "./visemes.js";

/** What the face does beside its mouth. */
export type Bearing = Omit<Pose, "state" | "visemes" | "level" | "calm">;

type Aim = Omit<Bearing, "blink" | "breath">;

const CALM: Aim = {
  gazeX: 0,
  gazeY: 0,
  browLeft: 0,
  browRight: 0,
  browTilt: 0,
  smile: REST.smile,
  turn: 0,
  nod: 0,
  tilt: 0,
};
const CALM_KEYS = Object.keys(CALM) as (keyof Aim)[];

/** How a face holds itself in each state. */
const STANCE: Record<AvatarState, Partial<Aim>> = {
  off: { smile: 0.45 },
  connecting: { smile: 0.35, browLeft: 0.25, browRight: 0.25 },
  listening: { smile: 0.6, browLeft: 0.15, browRight: 0.15 },
  hearing: { smile: 0.5, browLeft: 0.4, browRight: 0.4, tilt: 0.35, nod: 0.15 },
  thinking: { smile: 0.15, gazeX: 0.55, gazeY: -0.7, browLeft: 0.1, browRight: 0.6, turn: 0.3, nod: -0.3, tilt: -0.25 },
  speaking: { smile: 0.45, browLeft: 0.1, browRight: 0.1 },
  problem: { smile: -0.35, browLeft: 0.2, browRight: 0.2, browTilt: 0.8, tilt: -0.3, nod: 0.2 },
};

/** How far the eyes wander in each state, and how long they rest, in ms. */
const WANDER: Record<AvatarState, { reach: number; restMs: number }> = {
  off: { reach: 0.5, restMs: 2600 },
  connecting: { reach: 0.35, restMs: 1200 },
  listening: { reach: 0.22, restMs: 2200 },
  hearing: { reach: 0.1, restMs: 1600 },
  thinking: { reach: 0.3, restMs: 900 },
  speaking: { reach: 0.25, restMs: 1700 },
  problem: { reach: 0.12, restMs: 2200 },
};

const EYES_MS = 45;
const FACE_MS = 160;
const HEAD_MS = 320;
/* Time constants: eyes leap, brows and lips move, the head follows. */
const FOLLOW: Record<keyof Aim, number> = {
  gazeX: EYES_MS,
  gazeY: EYES_MS,
  browLeft: FACE_MS,
  browRight: FACE_MS,
  browTilt: FACE_MS,
  smile: FACE_MS,
  turn: HEAD_MS,
  nod: HEAD_MS,
  tilt: HEAD_MS,
};
const CLOSING_MS = 75;
const CLOSED_MS = 35;
const OPENING_MS = 150;
/* A blink; people's take 100–400 ms, and opening is slower than closing. */
const BLINK_EVERY_MS = 3_600;
/* On average; people blink 15 to 20 times a minute. */
const BREATH_MS = 4_200;
const SETTLED = 0.1;
/* So near to where it is going, the rest of the way is less than a pixel a frame, at ten frames a second. */
const LONGEST_STEP_MS = 250;
/* A page that was hidden goes on where it stopped. */

/** One face's life. */
export class Life {
  readonly #random: () => number;
  #now = 0;
  #bearing: Aim = { ...CALM };
  #glance = { x: 0, y: 0, untilMs: 0 };
  #blinkAt = 1_500;
  #swayPhase: number;
  #energy = 0;
  #restUntilMs = 0;

  /** @param random evenly distributed in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random;
    this.#swayPhase = random() * 7;
  }

  /** For how many ms nothing will move but breath and sway, unless the state changes; 0 where something does. */
  get restMs(): number {
    return Math.max(0, this.#restUntilMs - this.#now);
  }

  /**
   * Go on by so much time.
   *
   * @param level how loud the one is who speaks, 0 to 1.
   * @param calm for people who want no motion: nothing but blinks, and what eyes, brows and lips tell of the state.
   */
  step(sinceMs: number, state: AvatarState, level: number, calm = false): Bearing {
    const dt = Math.min(LONGEST_STEP_MS, Math.max(0, sinceMs));
    this.#now += dt;
    this.#energy += (level - this.#energy) * (1 - Math.exp(-dt / 120));
    const aim = { ...CALM, ...STANCE[state] };
    if (calm) aim.turn = aim.nod = aim.tilt = 0;
    else this.#liven(aim, state);
    for (const key of CALM_KEYS) {
      this.#bearing[key] = aim[key] + (this.#bearing[key] - aim[key]) * Math.exp(-dt / FOLLOW[key]);
    }
    const isSettled = CALM_KEYS.every((key) => Math.abs(this.#bearing[key] - aim[key]) < SETTLED);
    const blink = this.#blink();
    const nextMs = calm ? this.#blinkAt : Math.min(this.#blinkAt, this.#glance.untilMs);
    this.#restUntilMs = isSettled ? nextMs : 0;
    const breath = calm ? 0 : 0.5 - 0.5 * Math.cos((2 * Math.PI * this.#now) / BREATH_MS);
    return { ...this.#bearing, blink, breath };
  }

  /** Add glances, sway and, while speaking, stress to how the face would hold itself. */
  #liven(aim: Aim, state: AvatarState): void {
    const { reach, restMs } = WANDER[state];
    if (this.#now >= this.#glance.untilMs) this.#look(reach, restMs);
    aim.gazeX = clamp(aim.gazeX + this.#glance.x * reach);
    aim.gazeY = clamp(aim.gazeY + this.#glance.y * reach);
    aim.turn += aim.gazeX * 0.25 + 0.16 * this.#sway(6_100);
    aim.nod += aim.gazeY * 0.15 + 0.1 * this.#sway(4_700);
    aim.tilt += 0.12 * this.#sway(7_900);
    if (state === "speaking") {
      aim.browLeft += 0.5 * this.#energy;
      aim.browRight += 0.5 * this.#energy;
      aim.nod += 0.5 * this.#energy - 0.15;
      aim.turn += 0.2 * this.#sway(2_300);
      aim.tilt += 0.2 * this.#sway(3_100);
    }
    if (state === "hearing") aim.nod += 0.25 * Math.max(0, this.#sway(1_900)) ** 4; // "mhm"
  }

  /** Choose where to look next; more often at the viewer than not. */
  #look(reach: number, restMs: number): void {
    const away = this.#random() < 0.55;
    const x = away ? 2 * this.#random() - 1 : 0;
    const y = away ? this.#random() - 0.5 : 0;
    const leaps = Math.abs(x - this.#glance.x) * reach > 0.35;
    this.#glance = { x, y, untilMs: this.#now + restMs * (0.4 + 1.2 * this.#random()) };
    if (leaps) this.#blinkAt = Math.min(this.#blinkAt, this.#now); // people blink as they look elsewhere
  }

  #sway(periodMs: number): number {
    return Math.sin((2 * Math.PI * this.#now) / periodMs + this.#swayPhase);
  }

  #blink(): number {
    const into = this.#now - this.#blinkAt;
    if (into < 0) return 0;
    if (into < CLOSING_MS) return smoothstep(into / CLOSING_MS);
    const opening = (into - CLOSING_MS - CLOSED_MS) / OPENING_MS;
    if (opening < 1) return 1 - smoothstep(opening);
    const twice = this.#random() < 0.12;
    this.#blinkAt = this.#now + (twice ? 90 : BLINK_EVERY_MS * (0.35 + 1.3 * this.#random()));
    return 0;
  }
}

function clamp(value: number): number {
  return Math.min(1, Math.max(-1, value));
}
