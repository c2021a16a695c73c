// Faces in every state, every mouth shape and every palette, standing still: for pictures.

import { REST, SvgRenderer, VISEMES } from "/avatar/voice-avatar.js";

const shape = (name) => Object.fromEntries(VISEMES.map((each) => [each, each === name ? 1 : 0]));
const SPEAKING = { state: "speaking", level: 0.4, smile: 0.4 };
const FACES = [
  ["listening", { state: "listening", smile: 0.6, browLeft: 0.15, browRight: 0.15 }],
  ["hearing", { state: "hearing", level: 0.6, tilt: 0.35, nod: 0.15, browLeft: 0.4, browRight: 0.4 }],
  [
    "thinking",
    { state: "thinking", smile: 0.15, gazeX: 0.55, gazeY: -0.7, browRight: 0.6, turn: 0.3, nod: -0.3, tilt: -0.25 },
  ],
  ["problem", { state: "problem", smile: -0.35, browTilt: 0.8, tilt: -0.3, nod: 0.2 }],
  ["blink", { state: "off", blink: 1 }],
  ["peach", { ...SPEAKING, visemes: shape("E") }, "peach"],
  ["mint", { ...SPEAKING, visemes: shape("aa") }, "mint"],
  ...VISEMES.map((name) => [name, { ...SPEAKING, visemes: shape(name) }]),
];

/** Draws one pose for ever. */
class Still extends SvgRenderer {
  constructor(pose) {
    super();
    this.pose = { ...REST, ...pose };
  }

  draw() {
    super.draw(this.pose, 3000);
  }
}

for (const [name, pose, theme] of FACES) {
  const avatar = document.createElement("voice-avatar");
  avatar.renderer = new Still(pose);
  avatar.theme = theme ?? null;
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = name;
  figure.append(avatar, caption);
  document.querySelector(".gallery").append(figure);
}
