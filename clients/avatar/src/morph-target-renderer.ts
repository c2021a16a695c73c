/** Drives morph targets (blend shapes) by name: how a head in three.js, or any engine like it, gets this face's life. */

import type { Pose } from "./pose.js";
import type { Renderer } from "./renderer.js";
import { VISEMES } from "./visemes.js";

/** What has morph targets; meshes of three.js look like this. */
export interface MorphTargets {
  morphTargetDictionary?: Readonly<Record<string, number>> | undefined;
  morphTargetInfluences?: number[] | undefined;
}

/** How much of a pose a morph target shows, 0 to 1. */
export type MorphTarget = (pose: Pose) => number;

export interface MorphTargetRendererOptions {
  /** What has the targets: a head is often several meshes (face, teeth, tongue) that move together. */
  meshes: readonly MorphTargets[];
  /** By the names that the meshes use; those of `OCULUS` and `ARKIT` unless others are given. */
  targets?: Readonly<Record<string, MorphTarget>>;
  /** Called after each pose, to move bones and draw; not needed where the page draws by itself. */
  drawn?: (pose: Pose, nowMs: number) => void;
  /** Where it is drawn, such as `renderer.domElement` of three.js; left out, it is elsewhere on the page. */
  canvas?: HTMLElement;
}

/** `viseme_sil` … `viseme_U`: names of the 15 shapes on Ready Player Me's and many other heads. */
export const OCULUS: Readonly<Record<string, MorphTarget>> = Object.fromEntries(
  VISEMES.map((name) => {
    const vowel = { ih: "I", oh: "O", ou: "U" }[name as string];
    return [`viseme_${vowel ?? name}`, (pose: Pose) => pose.visemes[name]];
  }),
);

const part = (value: number) => Math.min(1, Math.max(0, value));

/** Names of Apple's ARKit for what is not the mouth. Left is the face's own there. */
export const ARKIT: Readonly<Record<string, MorphTarget>> = {
  eyeBlinkLeft: ({ blink }) => blink,
  eyeBlinkRight: ({ blink }) => blink,
  eyeLookUpLeft: ({ gazeY }) => part(-gazeY),
  eyeLookUpRight: ({ gazeY }) => part(-gazeY),
  eyeLookDownLeft: ({ gazeY }) => part(gazeY),
  eyeLookDownRight: ({ gazeY }) => part(gazeY),
  eyeLookOutLeft: ({ gazeX }) => part(gazeX),
  eyeLookInRight: ({ gazeX }) => part(gazeX),
  eyeLookInLeft: ({ gazeX }) => part(-gazeX),
  eyeLookOutRight: ({ gazeX }) => part(-gazeX),
  browInnerUp: ({ browTilt }) => part(browTilt),
  browOuterUpLeft: ({ browRight }) => part(browRight),
  browOuterUpRight: ({ browLeft }) => part(browLeft),
  browDownLeft: ({ browRight }) => part(-browRight),
  browDownRight: ({ browLeft }) => part(-browLeft),
  mouthSmileLeft: ({ smile }) => part(smile),
  mouthSmileRight: ({ smile }) => part(smile),
  mouthFrownLeft: ({ smile }) => part(-smile),
  mouthFrownRight: ({ smile }) => part(-smile),
};

/**
 * A renderer for heads that are morphed.
 *
 * ```ts
 * avatar.renderer = new MorphTargetRenderer({
 *   meshes: [head, teeth],
 *   canvas: three.domElement,
 *   drawn: ({ turn, nod }) => {
 *     neck.rotation.set(0.15 * nod, 0.25 * turn, 0);
 *     three.render(scene, camera);
 *   },
 * });
 * ```
 */
export class MorphTargetRenderer implements Renderer {
  readonly #options: MorphTargetRendererOptions;
  readonly #targets: [name: string, MorphTarget][];

  constructor(options: MorphTargetRendererOptions) {
    this.#options = options;
    this.#targets = Object.entries(options.targets ?? { ...OCULUS, ...ARKIT });
  }

  mount(stage: HTMLElement): void {
    if (this.#options.canvas !== undefined) stage.append(this.#options.canvas);
  }

  draw(pose: Pose, nowMs: number): void {
    for (const { morphTargetDictionary: places, morphTargetInfluences: influences } of this.#options.meshes) {
      if (places === undefined || influences === undefined) continue;
      for (const [name, target] of this.#targets) {
        const place = places[name]; // looked up each time, as a mesh may be loaded later
        if (place !== undefined) influences[place] = target(pose);
      }
    }
    this.#options.drawn?.(pose, nowMs);
  }

  unmount(): void {
    this.#options.canvas?.remove();
  }
}
