// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Pose, REST } from "../src/pose.js";
import type { Renderer } from "../src/renderer.js";
import { Stage } from "../src/stage.js";

let frames: FrameRequestCallback[];
let stages: Stage[];
let look: (isIntersecting: boolean, ...at: Element[]) => void;
let looksAt: unknown[];

/** What the stages of these tests are part of. */
const whole = document.createElement("section");

beforeEach(() => {
  frames = [];
  stages = [];
  looksAt = [];
  vi.spyOn(document, "defaultView", "get").mockReturnValue(window); // where the stubs are
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => frames.push(callback));
  vi.stubGlobal("cancelAnimationFrame", () => {
    frames = [];
  });
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(seen: (entries: { isIntersecting: boolean; target: unknown }[]) => void) {
        look = (isIntersecting, ...at) =>
          seen((at.length > 0 ? at : looksAt).map((target) => ({ isIntersecting, target })));
      }
      observe(seen: unknown): void {
        looksAt.push(seen);
      }
      disconnect(): void {}
    },
  );
  vi.spyOn(performance, "now").mockReturnValue(1000);
});
afterEach(() => {
  for (const stage of stages) stage.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function frame(now: number): void {
  for (const callback of frames.splice(0)) callback(now);
}

class Noting implements Renderer {
  calls: string[] = [];
  mount(): void {
    this.calls.push("mount");
  }
  draw(_: Pose, nowMs: number): void {
    this.calls.push(`draw ${nowMs}`);
  }
  unmount(): void {
    this.calls.push("unmount");
  }
}

function make({ restMs = 0 } = {}) {
  const renderer = new Noting();
  const since: number[] = [];
  const stage = new Stage(document.createElement("div"), renderer, (sinceMs) => {
    since.push(sinceMs);
    return { pose: REST, restMs };
  });
  stages.push(stage);
  return { stage, renderer, since };
}

test("draws each frame, told how long after the one before", () => {
  const { stage, renderer, since } = make();
  stage.open(whole);
  frame(1016);
  frame(1050);
  stage.close();
  frame(1066);
  expect(renderer.calls).toEqual(["mount", "draw 1016", "draw 1050", "unmount"]);
  expect(since).toEqual([16, 34]);
});

test("draws nothing while it is out of view, and takes no leap after", () => {
  const { stage, renderer, since } = make();
  stage.open(whole);
  look(false);
  frame(1016);
  expect(renderer.calls).toEqual(["mount"]);
  vi.mocked(performance.now).mockReturnValue(9000);
  look(true);
  frame(9010);
  expect(since).toEqual([10]);
});

test("the whole is enough to be in view, and so is the stage where the whole has no box of its own", () => {
  const { stage } = make();
  stage.open(whole);
  look(false);
  expect(frames).toEqual([]);
  look(true, whole);
  expect(frames).toHaveLength(1);
  look(false);
  look(true, stage.element);
  expect(frames).toHaveLength(1);
  look(false, stage.element);
  expect(frames).toEqual([]);
});

test("it is drawn by the window that shows it", () => {
  const another = {
    requestAnimationFrame: vi.fn(() => 7),
    cancelAnimationFrame: vi.fn(),
    performance: { now: () => 50 },
    matchMedia: () => ({ matches: true }),
    IntersectionObserver: class {
      observe(): void {}
      disconnect(): void {}
    },
    clearTimeout: vi.fn(),
  };
  vi.mocked(Object.getOwnPropertyDescriptor(document, "defaultView")?.get as () => unknown).mockReturnValue(another);
  const { stage, since } = make();
  stage.open(whole);
  expect(another.requestAnimationFrame).toHaveBeenCalledOnce();
  (another.requestAnimationFrame.mock.calls as unknown as [[FrameRequestCallback]])[0][0](66);
  expect(since).toEqual([16]);
  stage.close();
  expect(another.cancelAnimationFrame).toHaveBeenLastCalledWith(7);
  expect(frames).toEqual([]);
});

test("another renderer takes the place of the one before", () => {
  const { stage, renderer } = make();
  const [early, late] = [new Noting(), new Noting()];
  stage.renderer = early; // nothing is mounted yet
  stage.open(whole);
  stage.renderer = late;
  stage.renderer = late;
  frame(1016);
  expect(renderer.calls).toEqual([]);
  expect(early.calls).toEqual(["mount", "unmount"]);
  expect(late.calls).toEqual(["mount", "draw 1016"]);
  expect(stage.renderer).toBe(late);
});

test("a renderer that throws is asked again", () => {
  const { stage, renderer } = make();
  stage.open(whole);
  renderer.draw = () => {
    throw new Error("lost its context");
  };
  expect(() => frame(1016)).toThrow("lost its context");
  expect(frames).toHaveLength(1);
});

test("one that cannot mount is told of, is not asked to draw, and leaves nothing to the next", () => {
  const told = vi.fn();
  vi.stubGlobal("reportError", told);
  const { stage, renderer, since } = make();
  const fault = new Error("no WebGL");
  renderer.mount = () => {
    stage.element.append(document.createElement("canvas"));
    throw fault;
  };
  stage.open(whole);
  frame(1016);
  expect(told.mock.calls).toEqual([[fault]]);
  expect(since).toEqual([16]); // captions are drawn with it
  expect(renderer.calls).toEqual([]);
  const next = new Noting();
  stage.renderer = next;
  expect(stage.element.childElementCount).toBe(0);
  frame(1033);
  expect(next.calls).toEqual(["mount", "draw 1033"]);
  expect(renderer.calls).toEqual([]); // nothing is there to unmount
});

test("one that cannot unmount is told of, and the next takes its place", () => {
  const told = vi.fn();
  vi.stubGlobal("reportError", told);
  const { stage, renderer } = make();
  const fault = new Error("lost its context");
  renderer.unmount = () => {
    throw fault;
  };
  stage.open(whole);
  const next = new Noting();
  stage.renderer = next;
  stage.close();
  expect(told.mock.calls).toEqual([[fault]]);
  expect(next.calls).toEqual(["mount", "unmount"]);
});

test("where nothing moves quickly, it draws ten times a second", () => {
  const { stage, since } = make({ restMs: 3000 });
  stage.open(whole);
  frame(1016);
  expect(frames).toEqual([]);
  vi.advanceTimersByTime(82);
  expect(frames).toEqual([]);
  vi.advanceTimersByTime(1);
  frame(1116);
  expect(since).toEqual([16, 100]);
});

test("it draws in time for what moves quickly next", () => {
  const { stage, renderer } = make({ restMs: 40 });
  stage.open(whole);
  frame(1016);
  vi.advanceTimersByTime(23);
  frame(1056);
  expect(renderer.calls).toEqual(["mount", "draw 1016", "draw 1056"]);
});

test("it wakes at once, and once", () => {
  const { stage, renderer } = make({ restMs: 3000 });
  stage.open(whole);
  stage.wake(); // nothing waits yet
  frame(1016);
  stage.wake();
  stage.wake();
  expect(frames).toHaveLength(1);
  frame(1033);
  stage.close();
  stage.wake();
  vi.advanceTimersByTime(1000);
  expect(frames).toEqual([]);
  expect(renderer.calls).toEqual(["mount", "draw 1016", "draw 1033", "unmount"]);
});
