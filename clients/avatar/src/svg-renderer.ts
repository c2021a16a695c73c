/** The face that `<voice-avatar>` has unless it is given another: drawn in SVG, coloured by custom properties. */

import { drawMouth, lips } from "./mouth.js";
import type { Pose } from "./pose.js";
import type { Renderer } from "./renderer.js";
import { set } from "./svg.js";
import { buildFace, EYE, type Face } from "./svg-face.js";

/** Draws a friendly somebody with headphones. */
export class SvgRenderer implements Renderer {
  #face: Face | null = null;

  mount(stage: HTMLElement): void {
    this.#face = buildFace();
    stage.append(this.#face.svg);
  }

  unmount(): void {
    this.#face?.svg.remove();
    this.#face = null;
  }

  draw(pose: Pose, nowMs: number): void {
    const face = this.#face;
    if (face === null) return;
    drawAround(face, pose, nowMs);
    drawHead(face, pose);
    drawEyes(face, pose);
    drawLips(face, pose);
  }
}

function drawAround(face: Face, pose: Pose, nowMs: number): void {
  face.svg.setAttribute("data-state", pose.state);
  const level = pose.calm ? 0.3 : pose.level;
  set(face.ring, { r: 174 + 16 * level, "stroke-width": 3 + 9 * level });
  set(face.orbit, { transform: `rotate(${pose.calm ? 0 : ((nowMs / 9) % 360).toFixed(1)} 200 200)` });
  set(face.body, { transform: `translate(0 ${(-4 * pose.breath).toFixed(2)})` });
}

function drawHead(face: Face, pose: Pose): void {
  const { turn, nod, tilt, breath } = pose;
  const move = (x: number, y: number) => `translate(${x.toFixed(2)} ${y.toFixed(2)})`;
  set(face.head, { transform: `${move(5 * turn, 4 * nod - 3 * breath)} rotate(${(7 * tilt).toFixed(2)} 200 320)` });
  // What is nearer moves further: that makes it a turn and no shift.
  for (const part of [face.features, face.cheeks]) set(part, { transform: move(15 * turn, 11 * nod) });
  set(face.hair, { transform: `${move(6 * turn, 5 * nod)} rotate(${(5 * turn - 4 * tilt).toFixed(2)} 200 96)` });
  set(face.band, { transform: move(2 * turn, 2 * nod) });
  for (const [n, cup] of face.cups.entries()) {
    const side = n === 0 ? -1 : 1;
    const width = 1 - 0.3 * side * turn;
    set(cup, { transform: `${move(200 + side * 118 - 4 * turn, 208 - 6 * nod)} scale(${width.toFixed(3)} 1)` });
  }
}

function drawEyes(face: Face, pose: Pose): void {
  const glad = Math.max(0, pose.smile);
  for (const [n, eye] of face.eyes.entries()) {
    const brow = n === 0 ? pose.browLeft : pose.browRight;
    const open = 1 - pose.blink;
    // Lids go with the gaze and with the brows; a smile lifts the lower one.
    const up = EYE.up * open * (1 + 0.1 * brow - 0.12 * Math.max(0, pose.gazeY)) - 7 * (1 - open);
    const down = EYE.down * open * (1 - 0.2 * glad) + 9 * (1 - open);
    set(eye.opening, { d: almond(EYE.halfWidth, up, down) });
    set(eye.lid, { d: lid(EYE.halfWidth, up) });
    set(eye.ball, { transform: `translate(${(8 * pose.gazeX).toFixed(2)} ${(7 * pose.gazeY).toFixed(2)})` });
    const inner = n === 0 ? 1 : -1;
    set(face.brows[n] as SVGPathElement, {
      transform:
        `translate(${200 - inner * EYE.x} ${(154 - 9 * brow).toFixed(2)}) ` +
        `rotate(${(-inner * 14 * pose.browTilt - inner * 3).toFixed(2)})`,
    });
  }
}

function drawLips(face: Face, pose: Pose): void {
  const mouth = drawMouth(lips(pose.visemes), pose.smile);
  set(face.opening, { d: mouth.opening });
  set(face.lips, { d: mouth.opening, "stroke-width": mouth.lipWidth });
  const half = mouth.halfWidth * 0.86;
  set(face.teeth, { x: -half, width: 2 * half, y: mouth.teethY - 40, height: 40 });
  set(face.lowerTeeth, { x: -half * 0.8, width: 1.6 * half, y: mouth.lowerTeethY, height: 40 });
  set(face.tongue, { cy: mouth.tongueY, rx: mouth.halfWidth * 0.66 });
  set(face.skull, { transform: `translate(200 92) scale(1 ${(1 + mouth.chin / 232).toFixed(4)}) translate(-200 -92)` });
}

/** Between two lids. */
function almond(halfWidth: number, up: number, down: number): string {
  return `${lid(halfWidth, up)}${curve(halfWidth, down, -halfWidth)}Z`;
}

function lid(halfWidth: number, up: number): string {
  return `M${-halfWidth} 0${curve(-halfWidth, -up, halfWidth)}`;
}

/** An arc from one corner of an eye to the other that goes so far down. */
function curve(from: number, down: number, to: number): string {
  const y = (down * 4) / 3; // where a cubic arc's handles are for this height
  return `C${from} ${y.toFixed(2)} ${to} ${y.toFixed(2)} ${to} 0`;
}
