import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LipSync } from "../src/lip-sync.js";
import { dominant, only } from "../src/visemes.js";

let loudness = 0; // of what an analyser hears

beforeEach(() => {
  loudness = 0;
  vi.stubGlobal(
    "AnalyserNode",
    class {
      getFloatTimeDomainData(samples: Float32Array): void {
        samples.forEach((_, n) => {
          samples[n] = loudness * Math.sin(n / 2);
        });
      }
    },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const output = { context: {}, connect: vi.fn(), disconnect: vi.fn() } as unknown as GainNode;
const heard = (playing: number, playedMs: number | null) => ({ playing, playedMs: () => playedMs, output });

const AA = [{ viseme: "aa", start_ms: 0, end_ms: 400 }];

describe("with mouth shapes", () => {
  test("the mouth is that of what is heard when the frame is seen", () => {
    const sync = new LipSync();
    sync.add(3, [...AA, { viseme: "PP", start_ms: 400, end_ms: 500 }]);
    expect(sync.step(heard(3, 200), 16)).toEqual(only("aa"));
    expect(sync.step(heard(3, 384), 16)).toMatchObject({ aa: 0.5, PP: 0.5 });
    expect(sync.step(heard(3, 434), 16)).toEqual(only("PP"));
  });

  test("loud sound changes nothing, until shapes have ended", () => {
    loudness = 0.5;
    const sync = new LipSync();
    sync.add(1, [...AA, { viseme: "PP", start_ms: 400, end_ms: 600 }]);
    expect(sync.step(heard(1, 484), 16).PP).toBe(1);
    expect(sync.step(heard(1, 700), 16).sil).toBe(1); // a pause, for all that is known
    for (let at = 800; at < 1000; at += 16) sync.step(heard(1, at), 16);
    expect(sync.step(heard(1, 1000), 16).sil).toBeLessThan(0.1);
  });
});

describe("without", () => {
  test("the mouth opens with the sound, from the first frame", () => {
    const sync = new LipSync();
    loudness = 0.5;
    expect(sync.step(heard(1, 10), 50).sil).toBeLessThan(0.4);
    loudness = 0;
    for (let n = 0; n < 30; n++) sync.step(heard(1, 10), 16);
    expect(sync.step(heard(1, 500), 16).sil).toBeGreaterThan(0.95);
    expect(sync.level).toBeLessThan(0.05);
  });

  test("shapes that come later take over smoothly", () => {
    const sync = new LipSync();
    loudness = 0.5;
    for (let n = 0; n < 10; n++) sync.step(heard(1, 10 * n), 10);
    sync.add(1, [{ viseme: "PP", start_ms: 0, end_ms: 2000 }]);
    const shares = Array.from({ length: 8 }, (_, n) => sync.step(heard(1, 200 + 16 * n), 16).PP);
    expect(shares[0]).toBeLessThan(0.3);
    expect(shares).toEqual([...shares].sort());
    expect(shares.at(-1)).toBe(1);
  });
});

test("a reply that ends or is cut off leaves a mouth that closes, and nothing of it in the next", () => {
  const sync = new LipSync();
  sync.add(1, AA);
  sync.step(heard(1, 100), 16);
  const closing = [sync.step(heard(0, null), 16), sync.step(heard(0, null), 16), sync.step(null, 400)];
  expect(closing[0]?.aa).toBeGreaterThan(0.7);
  expect(closing[1]?.aa).toBeLessThan(closing[0]?.aa as number);
  expect(closing[2]?.sil).toBeGreaterThan(0.99);
  sync.add(2, [{ viseme: "ou", start_ms: 0, end_ms: 300 }]);
  expect(dominant(sync.step(heard(2, 100), 16))).toBe("ou");
});

test("another conversation begins with none of the shapes of this one, the same one keeps them", () => {
  const sync = new LipSync();
  sync.joined("a");
  sync.add(1, AA);
  sync.joined("a");
  expect(sync.step(heard(1, 100), 16).aa).toBe(1);
  sync.joined("b");
  expect(sync.step(heard(1, 100), 1000).aa).toBeLessThan(0.1);
});

test("only the latest replies are kept", () => {
  const sync = new LipSync();
  for (let reply = 1; reply <= 20; reply++) sync.add(reply, AA);
  expect(sync.step(heard(20, 100), 16).aa).toBe(1);
  expect(sync.step(heard(1, 100), 1000).aa).toBeLessThan(0.1);
});

test("each output is tapped once, and let go for another, for none, and when it is said", () => {
  const sync = new LipSync();
  const made = () => ({ context: {}, connect: vi.fn(), disconnect: vi.fn() });
  const [one, other] = [made(), made()];
  const client = (output: typeof one) => ({ ...heard(0, null), output: output as unknown as GainNode });
  const step = (client: Parameters<LipSync["step"]>[0]) => sync.step(client, 16);
  const counts = () => [one, other].map((each) => [each.connect.mock.calls.length, each.disconnect.mock.calls.length]);
  for (let n = 0; n < 3; n++) step(client(one));
  step(client(other));
  expect(counts()).toEqual([
    [1, 1],
    [1, 0],
  ]);
  expect(one.disconnect.mock.calls).toEqual(one.connect.mock.calls); // that analyser, and nothing of the page's own
  step(null);
  step(client(other));
  sync.letGo();
  sync.letGo();
  expect(counts()[1]).toEqual([2, 2]);
  step(client(other));
  expect(counts()[1]).toEqual([3, 2]);
});
