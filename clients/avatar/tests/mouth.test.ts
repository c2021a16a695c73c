import { describe, expect, test } from "vitest";
import { drawMouth, lips } from "../src/mouth.js";
import { blend, only, VISEMES } from "../src/visemes.js";

/** The ys of a path's points. */
const heights = (path: string) => [...path.matchAll(/-?\d+\.\d+ (-?\d+\.\d+)/g)].map(([, y]) => Number(y));
const gap = (shape: (typeof VISEMES)[number], smile = 0) => {
  const ys = heights(drawMouth(lips(only(shape)), smile).opening);
  return Math.max(...ys) - Math.min(...ys);
};

describe("what is seen of a sound", () => {
  test("lips meet for p, b and m and at rest, and for nothing else", () => {
    for (const shape of VISEMES) {
      const isShut = shape === "PP" || shape === "sil";
      expect([shape, lips(only(shape)).open === 0]).toEqual([shape, isShut]);
    }
  });

  test("jaws: aa is the widest open, then oh and E; hisses are nearly shut", () => {
    expect(gap("aa")).toBeGreaterThan(gap("oh"));
    expect(gap("oh")).toBeGreaterThan(gap("ih"));
    expect(gap("ih")).toBeGreaterThan(gap("SS"));
  });

  test("corners: together for ou, apart for ih", () => {
    const width = (shape: (typeof VISEMES)[number]) => drawMouth(lips(only(shape)), 0).halfWidth;
    expect(width("ou")).toBeLessThan(width("oh"));
    expect(width("oh")).toBeLessThan(width("sil"));
    expect(width("sil")).toBeLessThan(width("ih"));
  });

  test("no two shapes look alike", () => {
    const looks = VISEMES.map((shape) => JSON.stringify(lips(only(shape))));
    expect(new Set(looks).size).toBe(VISEMES.length);
  });

  test("half a closure before an open vowel is less open than half of that vowel", () => {
    const half = blend([
      ["PP", 0.5],
      ["aa", 0.5],
    ]);
    expect(lips(half).open).toBeLessThan(0.5);
  });
});

test("a smile lifts the corners of a shut mouth, and an open one keeps its shape", () => {
  const corner = (shape: "sil" | "aa", smile: number) => heights(drawMouth(lips(only(shape)), smile).opening)[0] ?? 0;
  expect(corner("sil", 1)).toBeLessThan(-5);
  expect(corner("sil", -1)).toBeGreaterThan(5);
  expect(Math.abs(corner("aa", 1) - corner("aa", 0))).toBeLessThan(3);
});

test("numbers of a path are finite and short", () => {
  for (const shape of VISEMES) expect(drawMouth(lips(only(shape)), 0.4).opening).toMatch(/^M[-\d. C]+Z$/);
});
