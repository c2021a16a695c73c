import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AudioEnd, AudioStart } from "../src/events.js";
import type { Audio } from "../src/protocol.js";
import { Speaker } from "../src/speaker.js";
import type { Mark } from "../src/worklets/messages.js";
import { FakeContext, FakeGain, FakeNode } from "./fake-audio.js";

let page: EventTarget;
let nowMs = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  nowMs = 0;
  page = new EventTarget();
  vi.stubGlobal("navigator", { userAgent: "" });
  vi.stubGlobal("AudioContext", FakeContext);
  vi.stubGlobal("AudioWorkletNode", FakeNode);
  vi.stubGlobal("GainNode", FakeGain);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const audio = (reply: number, start_ms = 0): Audio => ({
  ...{ type: "audio", reply, pcm: new Uint8Array(4), sample_rate: 24_000, start_ms },
});
const end = (reply: number): AudioEnd => ({ type: "audio.end", seq: 0, reply, duration_ms: 0 });

async function make() {
  const told: unknown[][] = [];
  const speaker = new Speaker(
    {
      sounding: (...told_) => told.push(["sounding", ...told_]),
      played: (...told_) => told.push(["played", ...told_]),
      state: (...told_) => told.push(["state", ...told_]),
    },
    undefined,
  );
  await speaker.open();
  const node = FakeNode.last;
  const mark = (fields: Partial<Mark>) =>
    node.port.onmessage?.({
      data: {
        reply: 1,
        positionMs: 0,
        aheadMs: 0,
        sounding: true,
        done: false,
        at: 0,
        waitingMs: 0,
        underruns: 0,
        delayMs: 66,
        ...fields,
      },
    });
  return { speaker, told, mark, node, context: FakeContext.last };
}

test("plays at the rate of the audio; what comes while it is opened is not lost", async () => {
  const speaker = new Speaker({ sounding: () => 0, played: () => 0, state: () => 0 }, undefined);
  speaker.take(end(2)); // nobody asked for sound yet
  const opening = speaker.open();
  const pcm = new Uint8Array([1, 0, 255, 255]);
  speaker.take({ type: "audio", reply: 3, pcm, sample_rate: 24_000, start_ms: 40 });
  speaker.take(end(3));
  await opening;
  expect(FakeContext.last.options).toEqual({ latencyHint: "interactive", sampleRate: 24_000 });
  expect(FakeNode.last.commands).toEqual([
    { type: "push", reply: 3, pcm: Int16Array.of(1, -1), sampleRate: 24_000, startMs: 40 },
    { type: "end", reply: 3 },
  ]);
});

test("the clock of a reply runs with the context's, behind it by the latency, and never back", async () => {
  const { speaker, mark, context } = await make();
  expect(speaker.playedMs(1)).toBeNull();
  mark({ positionMs: 100, aheadMs: 500, at: 10 });
  context.currentTime = 10;
  expect(speaker.playedMs(1)).toBeCloseTo(70);
  context.currentTime = 10.2;
  expect(speaker.playedMs(1)).toBeCloseTo(270);
  context.currentTime = 11; // no word of the audio thread for long: no further than what it had
  expect(speaker.playedMs(1)).toBeCloseTo(570);
  mark({ positionMs: 580, aheadMs: 0, at: 11 });
  expect(speaker.playedMs(1)).toBeCloseTo(570);
  mark({ positionMs: 600, sounding: false, done: true, at: 11.01 });
  context.currentTime = 11.02;
  expect(speaker.playedMs(1)).toBeCloseTo(580);
  context.currentTime = 12;
  expect(speaker.playedMs(1)).toBeCloseTo(600);
});

test("tells when a reply begins and ends, and not when it waits for audio", async () => {
  const { mark, told } = await make();
  mark({ sounding: false });
  mark({});
  mark({ sounding: false });
  mark({});
  mark({ sounding: false, done: true });
  mark({ reply: 2 });
  expect(told.filter(([what]) => what === "sounding")).toEqual([
    ["sounding", 1, true],
    ["sounding", 1, false],
    ["sounding", 2, true],
  ]);
});

test("reports at least every 250 ms, and at the end the whole", async () => {
  const { mark, told, context } = await make();
  nowMs = 1000;
  for (let ms = 0; ms <= 1000; ms += 40, nowMs += 40) {
    context.currentTime = ms / 1000;
    mark({ positionMs: ms, at: ms / 1000 });
  }
  mark({ positionMs: 1010, sounding: false, done: true, at: 1.01 });
  const played = told.filter(([what]) => what === "played").map(([, , ms]) => ms as number);
  expect(played.at(-1)).toBe(1010);
  expect(Math.max(...played.slice(1).map((ms, n) => ms - (played[n] as number)))).toBeLessThanOrEqual(200);
  expect(played.length).toBeLessThan(9); // and no more often than the server wants to hear
});

test("is blocked until the browser allows sound, which each gesture asks for", async () => {
  const { speaker, told, context } = await make();
  expect(speaker.state).toBe("blocked");
  expect(told).toEqual([]); // it may be about to start
  vi.advanceTimersByTime(300);
  expect(told).toEqual([["state", "blocked"]]);
  context.resume.mockClear();
  page.dispatchEvent(new Event("pointerdown"));
  expect(context.resume).toHaveBeenCalledTimes(1);
  context.allow();
  page.dispatchEvent(new Event("keydown"));
  expect(context.resume).toHaveBeenCalledTimes(1);
  expect(told).toEqual([
    ["state", "blocked"],
    ["state", "on"],
  ]);
});

test("a browser that cannot have the rate plays at its own", async () => {
  vi.stubGlobal(
    "AudioContext",
    class extends FakeContext {
      constructor(options: AudioContextOptions) {
        if (options.sampleRate !== undefined) throw new DOMException("no", "NotSupportedError");
        super(options);
      }
    },
  );
  await make();
  expect(FakeContext.last.options).toEqual({ latencyHint: "interactive" });
});

test("says where it cannot play at all, and can be opened later", async () => {
  vi.stubGlobal("AudioContext", undefined);
  const speaker = new Speaker({ sounding: () => 0, played: () => 0, state: () => 0 }, undefined);
  await expect(speaker.open()).rejects.toMatchObject({ code: "audio" });
  vi.stubGlobal("AudioContext", FakeContext);
  await speaker.open();
  expect(speaker.state).toBe("blocked");
});

test("lets go of the device, and of what it knew", async () => {
  const { speaker, mark, context, told } = await make();
  context.allow();
  mark({});
  speaker.close();
  expect(context.close).toHaveBeenCalled();
  expect(speaker.playedMs(1)).toBeNull();
  mark({}); // the audio thread's last word
  expect(told.slice(-2)).toEqual([
    ["sounding", 1, false],
    ["state", "off"],
  ]);
  context.resume.mockClear();
  page.dispatchEvent(new Event("pointerdown"));
  expect(context.resume).not.toHaveBeenCalled();
});

test("closed while it is opened is no failure, and leaves the next opening alone", async () => {
  vi.stubGlobal(
    "AudioContext",
    class extends FakeContext {
      #closed: (reason: Error) => void = () => undefined;
      override readonly audioWorklet = {
        addModule: () => new Promise<undefined>((_, reject) => (this.#closed = reject)),
      };
      override close = vi.fn(async () => this.#closed(new DOMException("closed", "InvalidStateError")) as undefined);
    },
  );
  const speaker = new Speaker({ sounding: () => 0, played: () => 0, state: () => 0 }, undefined);
  const abandoned = speaker.open();
  vi.stubGlobal("AudioContext", FakeContext);
  speaker.close();
  const next = speaker.open();
  await Promise.all([abandoned, next]);
  expect(FakeContext.last.close).not.toHaveBeenCalled();
  expect(speaker.state).toBe("blocked");
});

test("is heard on the device that was chosen, also when it is opened again", async () => {
  const { speaker, context } = await make();
  expect(context.setSinkId).not.toHaveBeenCalled();
  await speaker.useDevice("headset");
  expect(context.setSinkId.mock.calls).toEqual([["headset"]]);
  speaker.close();
  await speaker.open();
  expect(FakeContext.last).not.toBe(context);
  expect(FakeContext.last.setSinkId.mock.calls).toEqual([["headset"]]);
});

test("a chosen device that is gone leaves the default", async () => {
  const { speaker } = await make();
  await speaker.useDevice("headset");
  speaker.close();
  vi.stubGlobal(
    "AudioContext",
    class extends FakeContext {
      override setSinkId = vi.fn(async () => {
        throw new DOMException("gone", "NotFoundError");
      });
    },
  );
  await speaker.open();
  expect(FakeContext.last.setSinkId).toHaveBeenCalledWith("headset");
  expect(speaker.state).toBe("blocked");
  await expect(speaker.useDevice("another")).rejects.toMatchObject({
    ...{ name: "VoiceError", code: "speaker_unavailable", message: /Choose another/, detail: "NotFoundError: gone" },
  }); // who chooses now is told
});

test("a browser that says it lets sound through is slow and not silent", async () => {
  vi.stubGlobal("navigator", { userAgent: "", getAutoplayPolicy: () => "allowed" });
  const { speaker, told } = await make();
  vi.advanceTimersByTime(5000);
  expect(speaker.state).toBe("on");
  expect(told).toEqual([["state", "on"]]);
});

test("where nothing more comes, all that is there is played out", async () => {
  const { speaker, node } = await make();
  speaker.finish();
  expect(node.commands).toEqual([{ type: "end", reply: null }]);
});

describe("the volume", () => {
  test("is kept over all openings, before the first too", async () => {
    const speaker = new Speaker({ sounding: () => 0, played: () => 0, state: () => 0 }, undefined);
    speaker.volume = 0.25;
    await speaker.open();
    expect(FakeGain.last.gain.value).toBe(0.25);
    speaker.volume = 0;
    expect(FakeGain.last.gain.value).toBe(0);
    speaker.close();
    speaker.volume = 0.5;
    await speaker.open();
    expect([speaker.volume, FakeGain.last.gain.value]).toEqual([0.5, 0.5]);
    expect(speaker.output).not.toBe(FakeGain.last); // which meters look at, however loud it is
  });

  test.each([-0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY, null, "0.5", true, []])("%j is refused", (volume) => {
    const speaker = new Speaker({ sounding: () => 0, played: () => 0, state: () => 0 }, undefined);
    expect(() => {
      speaker.volume = volume as number;
    }).toThrow(RangeError);
    expect(speaker.volume).toBe(1);
  });
});

describe("waiting until all is heard", () => {
  /** A speaker with audio of two replies, and whether the waiting is over. */
  async function waiting() {
    const made = await make();
    for (const reply of [1, 2]) made.speaker.take(audio(reply));
    const seen = { over: false };
    void made.speaker.heardOut().then(() => {
      seen.over = true;
    });
    const isOver = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return seen.over;
    };
    return { ...made, isOver };
  }

  test("ends with the last of it, which is still on its way to the ear, also where nothing sounds yet", async () => {
    const { mark, isOver } = await waiting();
    expect(await isOver(5000)).toBe(false); // a device that starts slowly
    mark({ reply: 1 });
    expect(await isOver(5000)).toBe(false);
    mark({ reply: 1, sounding: false, done: true });
    mark({ reply: 2 });
    expect(await isOver(5000)).toBe(false);
    mark({ reply: 2, sounding: false, done: true });
    expect(await isOver(29)).toBe(false);
    expect(await isOver(1)).toBe(true);
  });

  test("does not wait for ever for an audio thread that stands still", async () => {
    const { mark, isOver } = await waiting();
    mark({ reply: 1 });
    expect(await isOver(9999)).toBe(false);
    expect(await isOver(1)).toBe(true);
  });

  test.each(["reset", "close"] as const)("ends with a %s", async (end) => {
    const { speaker, isOver } = await waiting();
    speaker[end]();
    expect(await isOver(30)).toBe(true);
  });

  test("is nothing where the speaker is not open", async () => {
    const speaker = new Speaker({ sounding: () => 0, played: () => 0, state: () => 0 }, undefined);
    speaker.take(audio(1)); // nobody asked for sound
    await speaker.heardOut();
  });
});

describe("what cannot be played", () => {
  const start = (fields: Partial<AudioStart>): AudioStart => ({
    ...{ type: "audio.start", seq: 1, reply: 1, encoding: "linear16", sample_rate: 24_000, channels: 1, start_ms: 0 },
    ...fields,
  });

  test.each([{ encoding: "mulaw" }, { sample_rate: 0 }, { sample_rate: 1e9 }, { channels: 2 }])(
    "is refused: %j",
    async (fields) => {
      const { speaker } = await make();
      expect(() => speaker.take(start(fields))).toThrow(expect.objectContaining({ code: "protocol" }));
    },
  );

  test("is refused: half a sample", async () => {
    const { speaker } = await make();
    expect(() => speaker.take({ ...audio(1), pcm: new Uint8Array(3) })).toThrow("another version");
  });

  test.each([8_000, 48_000])("is not %d Hz", async (sample_rate) => {
    const { speaker } = await make();
    speaker.take(start({ sample_rate }));
  });
});
