// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { type Pose, REST } from "../src/pose.js";
import { SvgRenderer } from "../src/svg-renderer.js";
import { only, VISEMES } from "../src/visemes.js";

function drawn(...poses: Partial<Pose>[]) {
  const stage = document.createElement("div");
  const renderer = new SvgRenderer();
  renderer.mount(stage);
  for (const pose of poses) renderer.draw({ ...REST, ...pose }, 1234);
  const of = (selector: string, name: string) => stage.querySelector(selector)?.getAttribute(name) ?? "";
  return { stage, renderer, of };
}

test("each mouth shape is drawn another way", () => {
  const mouths = VISEMES.map((shape) => {
    const { of } = drawn({ visemes: only(shape) });
    return ["d", "stroke-width"].map((name) => of(".lips", name)).join() + of(".teeth", "y") + of(".tongue", "cy");
  });
  expect(new Set(mouths).size).toBe(VISEMES.length);
});

test("a pose is whole: what was drawn before leaves nothing behind", () => {
  const wild: Partial<Pose> = {
    state: "problem",
    visemes: only("aa"),
    blink: 1,
    turn: 1,
    tilt: -1,
    smile: -1,
    level: 1,
    browLeft: 1,
  };
  const markup = (...poses: Partial<Pose>[]) => drawn(...poses).stage.innerHTML.replaceAll(/voice-avatar-\d+/g, "");
  expect(markup(wild, {})).toBe(markup({}));
  expect(markup(wild)).not.toBe(markup({}));
});

test("the state is there for style sheets, and no style attribute that a policy would forbid", () => {
  const { stage, of } = drawn({ state: "thinking" });
  expect(of("svg", "data-state")).toBe("thinking");
  expect(stage.querySelectorAll("[style], style").length).toBe(0);
  expect(of("svg", "aria-hidden")).toBe("true");
});

test("for those who want no motion nothing circles and nothing pulses", () => {
  expect(drawn({ state: "thinking", calm: true }).of(".orbit", "transform")).toBe("rotate(0 200 200)");
  const ring = (level: number) => drawn({ state: "hearing", calm: true, level }).of(".ring", "r");
  expect(ring(0)).toBe(ring(1));
});

test("numbers are numbers in every pose", () => {
  for (const extreme of [-1, 1]) {
    const pose = Object.fromEntries(
      Object.keys(REST)
        .filter((key) => typeof REST[key as "turn"] === "number")
        .map((key) => [key, extreme]),
    );
    expect(drawn(pose).stage.innerHTML).not.toMatch(/NaN|undefined|Infinity/);
  }
});

test("what is unmounted is gone, draws nothing, and may be mounted again", () => {
  const { stage, renderer } = drawn({});
  renderer.unmount();
  expect(stage.childElementCount).toBe(0);
  renderer.draw(REST, 0);
  renderer.mount(stage);
  expect(stage.childElementCount).toBe(1);
});

test("two faces share no id, and each refers to its own alone", () => {
  const [one, two] = [drawn({}).stage, drawn({}).stage];
  const ids = (stage: Element) => [...stage.querySelectorAll("[id]")].map(({ id }) => id);
  expect(new Set([...ids(one), ...ids(two)]).size).toBe(2 * ids(one).length);
  const uses = [...two.innerHTML.matchAll(/url\(#([^)]*)\)/g)].map(([, id]) => id);
  expect(uses.length).toBeGreaterThan(6);
  expect(ids(two)).toEqual(expect.arrayContaining(uses));
});
