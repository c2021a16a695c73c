import { describe, expect, test } from "vitest";
import { ARKIT, MorphTargetRenderer, OCULUS } from "../src/morph-target-renderer.js";
import { type Pose, REST } from "../src/pose.js";
import { blend } from "../src/visemes.js";

const POSE: Pose = {
  ...REST,
  visemes: blend([
    ["ou", 0.75],
    ["PP", 0.25],
  ]),
  blink: 0.5,
  gazeX: -0.4,
  browLeft: 0.3,
  browRight: -0.6,
  smile: 1.4,
};

/** A mesh with targets of these names, as three.js has them. */
function mesh(...names: string[]) {
  return {
    morphTargetDictionary: Object.fromEntries(names.map((name, n) => [name, n])),
    morphTargetInfluences: names.map(() => 0),
  };
}

describe("morph targets", () => {
  test("get what the pose says, by their names", () => {
    const head = mesh("viseme_sil", "viseme_PP", "viseme_U", "eyeBlinkLeft", "eyeLookInLeft", "eyeLookOutLeft");
    new MorphTargetRenderer({ meshes: [head] }).draw(POSE, 0);
    expect(head.morphTargetInfluences).toEqual([0, 0.25, 0.75, 0.5, 0.4, 0]);
  });

  test("left is the face's own, and nothing is more than 1", () => {
    const head = mesh("browOuterUpRight", "browDownLeft", "mouthSmileLeft");
    new MorphTargetRenderer({ meshes: [head] }).draw(POSE, 0);
    expect(head.morphTargetInfluences).toEqual([0.3, 0.6, 1]);
  });

  test("of several meshes move together; those of other names, and what has none, are left alone", () => {
    const [head, teeth] = [mesh("viseme_U", "hatSize"), mesh("viseme_U")];
    head.morphTargetInfluences[1] = 0.9;
    new MorphTargetRenderer({ meshes: [head, teeth, {}, { morphTargetDictionary: { viseme_U: 0 } }] }).draw(POSE, 0);
    expect(head.morphTargetInfluences).toEqual([0.75, 0.9]);
    expect(teeth.morphTargetInfluences).toEqual([0.75]);
  });

  test("of another set are named by the page", () => {
    const head = mesh("mouth_round", "viseme_U");
    new MorphTargetRenderer({
      meshes: [head],
      targets: { mouth_round: ({ visemes }) => visemes.ou + visemes.oh },
    }).draw(POSE, 0);
    expect(head.morphTargetInfluences).toEqual([0.75, 0]);
  });

  test("all 15 shapes have one, and the rest of the face does", () => {
    expect(Object.keys(OCULUS)).toHaveLength(15);
    expect(Object.keys(OCULUS)).toContain("viseme_aa");
    for (const target of Object.values(ARKIT)) expect(target(POSE)).toBeGreaterThanOrEqual(0);
  });
});

test("the page draws after each pose", () => {
  const drawn: [Pose, number][] = [];
  new MorphTargetRenderer({ meshes: [], drawn: (pose, nowMs) => drawn.push([pose, nowMs]) }).draw(POSE, 42);
  expect(drawn).toEqual([[POSE, 42]]);
});
