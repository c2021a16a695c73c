/** The parts of the drawn face. Where they are at each moment is `svg-renderer.ts`'s matter. */

import { svg } from "./svg.js";

const HEAD = "M200 92C276 92 316 138 316 206C316 280 268 324 200 324C132 324 84 280 84 206C84 138 124 92 200 92Z";
const TUFT = "M186 92C184 70 200 52 226 50C219 58 219 66 225 70C238 62 254 67 260 78C243 76 236 86 228 94Z";
const FRINGE =
  "M82 214C70 118 122 72 200 72C278 72 330 118 318 214C314 190 306 172 294 158C262 152 222 140 196 106C186 136 142 152 108 160C96 174 88 192 82 214Z";
const BODY = "M70 420C72 352 120 322 200 322C280 322 328 352 330 420Z";
const BAND = "M82 198C82 116 130 74 200 74C270 74 318 116 318 198";
export const EYE = { x: 46, y: 200, halfWidth: 23, up: 29, down: 27 };
const MOUTH_Y = 268;

/** One eye, at its own origin. */
export interface Eye {
  opening: SVGPathElement;
  lid: SVGPathElement;
  ball: SVGGElement;
}

/** The parts of the drawing that move. */
export interface Face {
  svg: SVGSVGElement;
  halo: SVGCircleElement;
  ring: SVGCircleElement;
  orbit: SVGGElement;
  body: SVGGElement;
  head: SVGGElement;
  skull: SVGPathElement;
  hair: SVGGElement;
  band: SVGPathElement;
  cups: [SVGGElement, SVGGElement];
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
  const cups: Face["cups"] = [buildCup(-1), buildCup(1)];
  const eyes = [buildEye("left"), buildEye("right")] as const;
  const mouth = buildMouth();
  const brow = () => svg("path", { class: "brow", d: "M-17 3C-9 -6 9 -6 17 3" });
  const brows: Face["brows"] = [brow(), brow()];
  const skull = svg("path", { d: HEAD, fill: "url(#skin)" });
  const band = svg("path", { class: "band", d: BAND });
  const hair = svg(
    "g",
    { part: "hair" },
    svg("path", { class: "hair", d: TUFT }),
    svg("path", { class: "hair", d: FRINGE }),
  );
  const features = svg(
    "g",
    { part: "face" },
    cheek(118),
    cheek(282),
    svg("path", { class: "nose", d: "M192 236C196 241 204 241 208 236" }),
    ...brows,
    ...eyes.map(({ group }) => group),
    mouth.group,
  );
  const head = svg(
    "g",
    { part: "head" },
    skull,
    svg("path", { d: HEAD, fill: "url(#shine)" }),
    hair,
    band,
    features,
    ...cups,
  );
  const body = svg(
    "g",
    { part: "body" },
    svg("path", { d: BODY, fill: "url(#cloth)" }),
    svg("path", { class: "collar", d: "M152 327C164 352 236 352 248 327" }),
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
  const round = svg("clipPath", { id: "round" }, svg("path", { d: "M-40 -40H440V200H372A172 172 0 0 1 28 200H-40Z" }));
  return {
    svg: svg(
      "svg",
      { part: "drawing", viewBox: "0 0 400 400", "aria-hidden": "true", focusable: "false" },
      svg("defs", {}, ...gradients(), round, ...eyes.map(({ clip }) => clip), mouth.clip),
      svg("g", { part: "halo" }, halo, ring, orbit),
      svg("g", { "clip-path": "url(#round)" }, body, head),
    ),
    halo,
    ring,
    orbit,
    body,
    head,
    skull,
    hair,
    band,
    cups,
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

function gradients(): SVGElement[] {
  const stop = (offset: number, name: string) => svg("stop", { offset, class: `stop-${name}` });
  const down = { x1: 0, y1: 0, x2: 0, y2: 1 };
  return [
    svg("linearGradient", { id: "skin", ...down }, stop(0, "skin"), stop(1, "skin-shade")),
    svg("linearGradient", { id: "cloth", ...down }, stop(0, "cloth"), stop(1, "cloth-shade")),
    svg("radialGradient", { id: "shine", cx: 0.34, cy: 0.22, r: 0.55 }, stop(0, "shine"), stop(1, "none")),
    svg("radialGradient", { id: "iris", cx: 0.5, cy: 0.65, r: 0.6 }, stop(0, "iris"), stop(1, "pupil")),
  ];
}

function cheek(x: number): SVGElement {
  return svg("ellipse", { class: "cheek", cx: x, cy: 246, rx: 21, ry: 13 });
}

function buildCup(side: -1 | 1): SVGGElement {
  return svg(
    "g",
    { part: "headset" },
    svg("rect", { class: "cup", x: -19, y: -38, width: 38, height: 76, rx: 19 }),
    svg("rect", { class: "light", x: side * 7 - 4, y: -17, width: 8, height: 34, rx: 4 }),
  );
}

function buildEye(side: "left" | "right"): { eye: Eye; group: SVGGElement; clip: SVGClipPathElement } {
  const opening = svg("path");
  const line = svg("path", { class: "lid" });
  const ball = svg(
    "g",
    {},
    svg("circle", { r: 19, cy: 1, fill: "url(#iris)" }),
    svg("circle", { class: "glint", cx: -6, cy: -8, r: 6.5 }),
    svg("circle", { class: "glint", cx: 7, cy: 8, r: 3 }),
  );
  const white = svg("rect", { class: "white", x: -40, y: -45, width: 80, height: 90 });
  return {
    eye: { opening, lid: line, ball },
    clip: svg("clipPath", { id: `eye-${side}` }, opening),
    group: svg(
      "g",
      { part: "eye", transform: `translate(${200 + (side === "left" ? -EYE.x : EYE.x)} ${EYE.y})` },
      svg("g", { "clip-path": `url(#eye-${side})` }, white, ball),
      line,
    ),
  };
}

function buildMouth() {
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
    clip: svg("clipPath", { id: "mouth" }, opening),
    group: svg(
      "g",
      { part: "mouth", transform: `translate(200 ${MOUTH_Y})` },
      svg("g", { "clip-path": "url(#mouth)" }, inside, lowerTeeth, tongue, teeth),
      outline,
    ),
  };
}
