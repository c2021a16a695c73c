/** Mouth shapes -> lips, teeth and tongue of a drawn mouth. Pure. */

import { smoothstep, VISEMES, type VisemeName, type VisemeWeights } from "./visemes.js";

/** How a mouth is held; each 0 to 1 but `wide`. */
export interface Lips {
  /** How far the jaw is down. */
  open: number;
  /** Corners: -1 drawn together to 1 drawn apart. */
  wide: number;
  /** Lips pushed forward. */
  pucker: number;
  /** Lips pressed on each other. */
  press: number;
  /** Lower lip under the upper teeth. */
  tuck: number;
  /** How much is seen of the upper teeth, of the lower ones, of the tongue. */
  teeth: number;
  lowerTeeth: number;
  tongue: number;
}

type Row = [open: number, wide: number, pucker: number, press: number, tuck: number, t: number, l: number, to: number];

const HELD: Record<VisemeName, Row> = {
  //   open  wide  pucker press tuck teeth lower tongue
  sil: [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
  PP: [0.0, -0.2, 0.1, 1.0, 0.0, 0.0, 0.0, 0.0],
  FF: [0.2, 0.1, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
  TH: [0.34, 0.15, 0.0, 0.0, 0.0, 0.45, 0.0, 1.0],
  DD: [0.3, 0.2, 0.0, 0.0, 0.0, 0.8, 0.0, 0.65],
  kk: [0.36, 0.1, 0.0, 0.0, 0.0, 0.45, 0.2, 0.2],
  CH: [0.3, -0.45, 0.7, 0.0, 0.0, 0.8, 0.6, 0.0],
  SS: [0.2, 0.45, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0],
  nn: [0.28, 0.15, 0.0, 0.0, 0.0, 0.6, 0.0, 0.8],
  RR: [0.28, -0.4, 0.5, 0.0, 0.0, 0.3, 0.0, 0.3],
  aa: [1.0, 0.1, 0.0, 0.0, 0.0, 0.5, 0.0, 0.45],
  E: [0.62, 0.4, 0.0, 0.0, 0.0, 0.65, 0.0, 0.45],
  ih: [0.38, 0.7, 0.0, 0.0, 0.0, 0.95, 0.2, 0.3],
  oh: [0.74, -0.45, 0.6, 0.0, 0.0, 0.1, 0.0, 0.3],
  ou: [0.4, -0.85, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
};

/** What the mouth is held like for a mixture of shapes. */
export function lips(weights: VisemeWeights): Lips {
  const sum: Row = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const name of VISEMES) {
    if (weights[name] === 0) continue;
    for (let n = 0; n < sum.length; n++) (sum[n] as number) += weights[name] * (HELD[name][n] as number);
  }
  const [open, wide, pucker, press, tuck, teeth, lowerTeeth, tongue] = sum;
  // Pressed lips are shut, however open the mouth is before and after.
  return { open: open * (1 - smoothstep(press * 1.4 - 0.4)), wide, pucker, press, tuck, teeth, lowerTeeth, tongue };
}

/** A drawn mouth: path data and measures around its middle, y down, in units of a face that is some 240 wide. */
export interface MouthDrawing {
  /** The line where the lips meet the inside: their middle, and the border of what is seen between them. */
  opening: string;
  lipWidth: number;
  /** Half the width of what is between the corners. */
  halfWidth: number;
  /** Lower edge of the upper teeth, upper edge of the lower ones. */
  teethY: number;
  lowerTeethY: number;
  /** Middle of the tongue. */
  tongueY: number;
  /** How far the chin is down. */
  chin: number;
}

/** @param smile -1 sad to 1 glad; an open mouth shows less of it. */
export function drawMouth(held: Lips, smile: number): MouthDrawing {
  const { open, wide, pucker, press, tuck } = held;
  const glad = smile * (1 - 0.65 * Math.min(1, open + 0.8 * pucker + 0.7 * press));
  const halfWidth = 35 + (wide > 0 ? 11 : 20) * wide + 5 * Math.max(0, glad);
  const rest = 7 * glad;
  const top = rest - 13 * open - 6 * tuck + 1.5 * press;
  const bottom = rest + 34 * open - 1.5 * tuck;
  const round = Math.min(1, Math.max(pucker, open * 0.8));
  const corner = -9 * glad * (1 - round) + 0.6 * round * ((top + bottom) / 2); // round mouths have them half-way
  return {
    opening: outline(halfWidth, corner, top, bottom, round),
    lipWidth: 6.5 + 4 * pucker - 1.5 * press + 0.5 * tuck,
    halfWidth,
    teethY: top + 3 + 9 * held.teeth,
    lowerTeethY: bottom - 2 - 6 * held.lowerTeeth,
    tongueY: bottom + 13 - held.tongue * (6 + 0.42 * (bottom - top)),
    chin: 9 * open,
  };
}

/** Two arcs from corner to corner. The rounder, the steeper they leave the corners. */
function outline(halfWidth: number, corner: number, top: number, bottom: number, round: number): string {
  const near = halfWidth * (0.72 + 0.28 * round);
  const far = halfWidth * (0.42 + 0.13 * round);
  const lift = 0.66 - 0.1 * round; // as an ellipse has them, where it is round
  const high = corner + (top - corner) * lift;
  const low = corner + (bottom - corner) * lift;
  const arc = (...points: number[]) => `C${points.map((point) => point.toFixed(2)).join(" ")}`;
  return [
    `M${(-halfWidth).toFixed(2)} ${corner.toFixed(2)}`,
    arc(-near, high, -far, top, 0, top),
    arc(far, top, near, high, halfWidth, corner),
    arc(near, low, far, bottom, 0, bottom),
    arc(-far, bottom, -near, low, -halfWidth, corner),
    "Z",
  ].join("");
}
