/** The parts of the drawn face. Where they are at each moment is `svg-renderer.ts`'s matter. */

import { svg } from "./svg.js";

const HEAD = "M200 92C276 92 316 138 316 206C316 280 268 324 200 324C132 324 84 280 84 206C84 138 124 92 200 92Z";
const TUFT = "M186 92C184 70 200 52 226 50C219 58 219 66 225 70C238 62 254 67 260 78C243 76 236 86 228 94Z";
const FRINGE =
  "M82 214C70 118 122 72 200 72C278 72 330 118 318 214C314 190 306 172 294 158C262 152 222 140 196 106C186 136 142 152 108 160C96 174 88 192 82 214Z";
const HIGHLIGHT = "M112 141C124 119 144 104 170 97";
const BODY = "M60 424C62 358 116 333 200 333C284 333 338 358 340 424Z";
const NECK = "M160 290V328C160 351 240 351 240 328V290Z";
const BAND = "M82 198C82 116 130 74 200 74C270 74 318 116 318 198";
export const EYE = { x: 46, y: 200, halfWidth: 24, up: 26, down: 26 };
const MOUTH_Y = 268;
let faces = 0; // for ids: two faces may be in one tree

/** One eye, at its own origin. */
export interface Eye {
  opening: SVGPathElement;
  lid: SVGPathElement;
  ball: SVGGElement;
}

/** The parts of the drawing that move. */
export interface Face {
  svg: SVGSVGElement;
  ring: SVGCircleElement;
  orbit: SVGGElement;
  body: SVGGElement;
  head: SVGGElement;
  skull: SVGPathElement;
  hair: SVGGElement;
  band: SVGPathElement;
  cups: [SVGGElement, SVGGElement];
  cheeks: SVGGElement;
  features: SVGGElement;
  brows: [SVGPathElement, SVGPathElement];
  eyes: [Eye, Eye];
  opening: SVGPathElement;
  lips: SVGPathElement;
  teeth: SVGRectElement;
  lowerTeeth: SVGRectElement;
  tongue: SVGEllipseElement;
}

/** Draw a friendly somebody with headphones, in a square of 400. */
export function buildFace(): Face {
  const face = `voice-avatar-${++faces}`;
  const cups: Face["cups"] = [buildCup(-1), buildCup(1)];
  const eyes = [buildEye("left", face), buildEye("right", face)] as const;
  const mouth = buildMouth(face);
  const brow = () => svg("path", { class: "brow", d: "M-17 3C-9 -6 9 -6 17 3" });
  const brows: Face["brows"] = [brow(), brow()];
  const skull = svg("path", { d: HEAD, fill: `url(#${face}-skin)` });
  const band = svg("path", { class: "band", d: BAND });
  const hair = svg(
    "g",
    { part: "hair" },
    svg("path", { class: "hair", d: TUFT }),
    svg("path", { d: FRINGE, fill: `url(#${face}-hair)` }),
    svg("path", { class: "highlight", d: HIGHLIGHT }),
  );
  const cheeks = svg("g", {}, cheek(118), cheek(282));
  const features = svg(
    "g",
    { part: "face" },
    svg("path", { class: "nose", d: "M192 236C196 241 204 241 208 236" }),
    ...brows,
    ...eyes.map(({ group }) => group),
    mouth.group,
  );
  const head = svg(
    "g",
    { part: "head" },
    skull,
    svg("path", { d: HEAD, fill: `url(#${face}-shine)` }),
    svg("g", { "clip-path": `url(#${face}-head)` }, cheeks),
    hair,
    band,
    features,
    ...cups,
  );
  const body = svg(
    "g",
    { part: "body" },
    svg("path", { d: BODY, fill: `url(#${face}-cloth)` }),
    svg("path", { d: NECK, fill: `url(#${face}-neck)` }),
    svg("path", { class: "collar", d: "M157 336C166 358 234 358 243 336" }),
  );
  const halo = svg("circle", { class: "halo", cx: 200, cy: 200, r: 172 });
  const ring = svg("circle", { class: "ring", cx: 200, cy: 200, r: 174 });
  const orbit = svg(
    "g",
    { class: "orbit" },
    ...[-14, 0, 14].map((angle, n) =>
      svg("circle", { cx: 200, cy: 22, r: 5 + n * 1.5, transform: `rotate(${angle} 200 200)` }),
    ),
  );
  const round = svg(
    "clipPath",
    { id: `${face}-round` },
    svg("path", { d: "M-40 -40H440V200H372A172 172 0 0 1 28 200H-40Z" }),
  );
  const outline = svg("clipPath", { id: `${face}-head` }, svg("path", { d: HEAD }));
  return {
    svg: svg(
      "svg",
      { part: "drawing", viewBox: "0 0 400 400", "aria-hidden": "true", focusable: "false" },
      svg("defs", {}, ...gradients(face), round, outline, ...eyes.map(({ clip }) => clip), mouth.clip),
      svg("g", { part: "halo" }, halo, ring, orbit),
      svg("g", { "clip-path": `url(#${face}-round)` }, body, head),
    ),
    ring,
    orbit,
    body,
    head,
    skull,
    hair,
    band,
    cups,
    cheeks,
    features,
    brows,
    eyes: [eyes[0].eye, eyes[1].eye],
    opening: mouth.opening,
    lips: mouth.lips,
    teeth: mouth.teeth,
    lowerTeeth: mouth.lowerTeeth,
    tongue: mouth.tongue,
  };
}

function gradients(face: string): SVGElement[] {
  const stop = (offset: number, name: string) => svg("stop", { offset, class: `stop-${name}` });
  const down = { x1: 0, y1: 0, x2: 0, y2: 1 };
  return [
    svg("linearGradient", { id: `${face}-skin`, ...down }, stop(0, "skin"), stop(1, "skin-shade")),
    svg("linearGradient", { id: `${face}-cloth`, ...down }, stop(0, "cloth"), stop(1, "cloth-shade")),
    svg("linearGradient", { id: `${face}-hair`, ...down }, stop(0, "hair-light"), stop(0.7, "hair")),
    svg("linearGradient", { id: `${face}-neck`, ...down }, stop(0.45, "neck-shadow"), stop(1, "skin-shade")),
    svg("radialGradient", { id: `${face}-shine`, cx: 0.34, cy: 0.22, r: 0.55 }, stop(0, "shine"), stop(1, "none")),
    svg("radialGradient", { id: `${face}-iris`, cx: 0.5, cy: 0.65, r: 0.6 }, stop(0, "iris"), stop(1, "pupil")),
  ];
}

function cheek(x: number): SVGElement {
  return svg("ellipse", { class: "cheek", cx: x, cy: 246, rx: 21, ry: 13 });
}

function buildCup(side: -1 | 1): SVGGElement {
  return svg(
    "g",
    { part: "headset" },
    svg("rect", { class: "cushion", x: -side * 14 - 12, y: -33, width: 24, height: 66, rx: 12 }),
    svg("rect", { class: "cup", x: -19, y: -38, width: 38, height: 76, rx: 19 }),
    svg("rect", { class: "light", x: side * 7 - 4, y: -17, width: 8, height: 34, rx: 4 }),
  );
}

function buildEye(side: "left" | "right", face: string): { eye: Eye; group: SVGGElement; clip: SVGClipPathElement } {
  const opening = svg("path");
  const line = svg("path", { class: "lid" });
  const ball = svg(
    "g",
    {},
    svg("circle", { r: 20.5, cy: 1, fill: `url(#${face}-iris)` }),
    svg("circle", { class: "glint", cx: -6.5, cy: -8, r: 7 }),
    svg("circle", { class: "glint", cx: 7.5, cy: 8.5, r: 3.5 }),
  );
  const white = svg("rect", { class: "white", x: -40, y: -45, width: 80, height: 90 });
  return {
    eye: { opening, lid: line, ball },
    clip: svg("clipPath", { id: `${face}-${side}-eye` }, opening),
    group: svg(
      "g",
      { part: "eye", transform: `translate(${200 + (side === "left" ? -EYE.x : EYE.x)} ${EYE.y})` },
      svg("g", { "clip-path": `url(#${face}-${side}-eye)` }, white, ball),
      line,
    ),
  };
}

function buildMouth(face: string) {
  const opening = svg("path");
  const outline = svg("path", { class: "lips" });
  const teeth = svg("rect", { class: "teeth", rx: 6 });
  const lowerTeeth = svg("rect", { class: "teeth", rx: 5 });
  const tongue = svg("ellipse", { class: "tongue", cx: 0, ry: 15 });
  const inside = svg("rect", { class: "inside", x: -60, y: -40, width: 120, height: 110 });
  return {
    opening,
    lips: outline,
    teeth,
    lowerTeeth,
    tongue,
    clip: svg("clipPath", { id: `${face}-mouth` }, opening),
    group: svg(
      "g",
      { part: "mouth", transform: `translate(200 ${MOUTH_Y})` },
      svg("g", { "clip-path": `url(#${face}-mouth)` }, inside, lowerTeeth, tongue, teeth),
      outline,
    ),
  };
}
