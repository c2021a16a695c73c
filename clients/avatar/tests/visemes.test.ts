import { describe, expect, test } from "vitest";
import { blend, dominant, mix, only, smoothstep, type TimedViseme, VISEMES, VisemeTimeline } from "../src/visemes.js";

function timeline(...items: [viseme: string, start_ms: number, end_ms: number][]): VisemeTimeline {
  const made = new VisemeTimeline();
  made.add(items.map(([viseme, start_ms, end_ms]) => ({ viseme, start_ms, end_ms })));
  return made;
}

/** Shapes and lengths of all kinds, from a seed. */
function anySpeech(seed: number): TimedViseme[] {
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  let at = Math.floor(random() * 100);
  return Array.from({ length: 60 }, () => {
    const start_ms = at + (random() < 0.2 ? Math.floor(random() * 200) : 0);
    const end_ms = start_ms + 10 + Math.floor(random() ** 2 * 250);
    at = end_ms;
    return { viseme: VISEMES[Math.floor(random() * VISEMES.length)] as string, start_ms, end_ms };
  });
}

describe("whatever is said", () => {
  test.each([1, 2, 3, 4, 5])("weights are 0 to 1 and together 1, and none leaps (%i)", (seed) => {
    const speech = new VisemeTimeline();
    speech.add(anySpeech(seed));
    let before = speech.weights(-300);
    let [least, leap, off] = [1, 0, 0];
    for (let at = -300; at < speech.endMs + 300; at += 0.25) {
      const weights = speech.weights(at);
      for (const name of VISEMES) {
        least = Math.min(least, weights[name]);
        leap = Math.max(leap, Math.abs(weights[name] - before[name]));
      }
      off = Math.max(off, Math.abs(VISEMES.reduce((sum, name) => sum + weights[name], 0) - 1));
      before = weights;
    }
    expect(least).toBeGreaterThanOrEqual(0);
    expect(off).toBeLessThan(1e-9);
    // The shortest span is 10 ms and fades in that time, by 0.15 a ms at most.
    expect(leap).toBeLessThan(0.045);
  });

  test.each([1, 2, 3, 4, 5])("the same comes out, however it was cut into events (%i)", (seed) => {
    const items = anySpeech(seed);
    const [whole, pieces] = [new VisemeTimeline(), new VisemeTimeline()];
    whole.add(items);
    for (const item of items) pieces.add([item]);
    for (let at = 0; at < whole.endMs; at += 7) expect(pieces.weights(at)).toEqual(whole.weights(at));
  });
});

describe("timing", () => {
  const mama = timeline(["PP", 100, 200], ["aa", 200, 320], ["PP", 320, 400], ["aa", 400, 600]);

  test("a shape is whole in the middle of its time and half at its border", () => {
    expect(mama.weights(150).PP).toBe(1);
    expect(mama.weights(260).aa).toBe(1);
    expect(mama.weights(200)).toMatchObject({ PP: 0.5, aa: 0.5 });
    expect(mama.weights(320)).toMatchObject({ PP: 0.5, aa: 0.5 });
  });

  test("the border is where one takes over from the other", () => {
    const speech = timeline(["sil", 0, 100], ["kk", 100, 180], ["E", 180, 300], ["SS", 300, 420]);
    for (const [at, before, after] of [
      [100, "sil", "kk"],
      [180, "kk", "E"],
      [300, "E", "SS"],
    ] as const) {
      expect(dominant(speech.weights(at - 2))).toBe(before);
      expect(dominant(speech.weights(at + 2))).toBe(after);
    }
  });

  test("lips are shut for a closure, however short it is", () => {
    expect(timeline(["aa", 0, 200], ["PP", 200, 230], ["aa", 230, 400]).weights(215).PP).toBe(1);
  });

  test("before the first shape and after the last one the mouth is at rest", () => {
    expect(mama.weights(0)).toEqual(only("sil"));
    expect(mama.weights(700)).toEqual(only("sil"));
    expect(mama.weights(100)).toMatchObject({ sil: 0.5, PP: 0.5 });
    expect(mama.weights(600)).toMatchObject({ sil: 0.5, aa: 0.5 });
    expect(new VisemeTimeline().weights(50)).toEqual(only("sil"));
  });

  test("a pause is silent, and a hole of a few ms is none", () => {
    const speech = timeline(["aa", 0, 100], ["E", 130, 230], ["ih", 500, 600]);
    expect(speech.weights(128).aa).toBeGreaterThan(0.45);
    expect(speech.weights(128).sil).toBe(0);
    expect(speech.weights(365).sil).toBe(1);
  });
});

describe("rounding", () => {
  test("begins before a round vowel, through what leaves the lips free, and takes nothing over", () => {
    const stew = timeline(["SS", 0, 120], ["DD", 120, 200], ["ou", 200, 400]);
    expect(stew.weights(30).ou).toBe(0);
    expect(stew.weights(110).ou).toBeGreaterThan(0.03);
    expect(stew.weights(160).ou).toBeGreaterThan(stew.weights(110).ou);
    expect(stew.weights(185).ou).toBeLessThan(0.5);
    expect(dominant(stew.weights(160))).toBe("DD");
  });

  test("waits for lips that are needed", () => {
    const spoon = timeline(["SS", 0, 100], ["PP", 100, 180], ["ou", 180, 300]);
    expect(spoon.weights(60).ou).toBe(0);
    expect(spoon.weights(140)).toEqual(only("PP"));
  });
});

describe("what is added", () => {
  test("of another set, empty, or from before is left out", () => {
    const speech = timeline(
      ["aa", 100, 200],
      ["??", 200, 300],
      ["E", 300, 300],
      ["E", 50, 90],
      ["ih", Number.NaN, 900],
    );
    expect(speech.endMs).toBe(200);
    expect(timeline(["nope", 0, 100]).isEmpty).toBe(true);
  });

  test("while the one before lasts cuts that short", () => {
    const speech = timeline(["aa", 0, 500], ["PP", 200, 300]);
    expect(speech.weights(100).aa).toBe(1);
    expect(speech.weights(250).PP).toBe(1);
    expect(speech.endMs).toBe(300);
  });

  test("at one time with another replaces it", () => {
    expect(timeline(["aa", 0, 100], ["E", 100, 200], ["ih", 100, 200]).weights(150)).toEqual(only("ih"));
  });

  test("for hours stays bounded, and the present is right", () => {
    const speech = new VisemeTimeline();
    for (let n = 0; n < 100_000; n++) {
      speech.add([{ viseme: n % 2 ? "aa" : "PP", start_ms: n * 100, end_ms: n * 100 + 100 }]);
    }
    expect(speech.weights(9_999_950).aa).toBe(1);
    expect(speech.weights(1_000)).toEqual(only("sil")); // long forgotten
  });
});

test("blending", () => {
  expect(blend([["aa", 0.25]])).toMatchObject({ aa: 0.25, sil: 0.75 });
  expect(mix(only("aa"), only("PP"), 0.25)).toMatchObject({ aa: 0.75, PP: 0.25, sil: 0 });
  expect(dominant(blend([["oh", 0.6]]))).toBe("oh");
  expect([-1, 0, 0.5, 1, 2].map(smoothstep)).toEqual([0, 0, 0.5, 1, 1]);
});
