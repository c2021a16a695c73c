import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Capture, type Level } from "../src/capture.js";
import { VoiceError } from "../src/errors.js";
import type { MicrophoneHooks, MicrophoneOptions } from "../src/microphone.js";
import { settled } from "./scripted.js";

/** A device that a test plugs in, speaks into and pulls out. */
class FakeMicrophone {
  label = "Fake";
  silenced = false;
  muted = false;
  closed = false;
  flushes = 0;
  constructor(
    readonly options: MicrophoneOptions,
    readonly hooks: MicrophoneHooks,
  ) {}
  get deviceId() {
    return this.options.deviceId;
  }
  flush = async () => {
    this.flushes++;
  };
  close = () => {
    this.closed = true;
  };
}

class Fixture {
  readonly opened: FakeMicrophone[] = [];
  readonly frames: Int16Array[] = [];
  readonly levels: Level[] = [];
  readonly states: string[] = [];
  readonly errors: string[] = [];
  turnIsOpen = false;
  refusal: VoiceError | null = null;
  readonly refusals: Record<string, string> = {}; // codes, by device
  isExclusive = false; // one microphone at a time, as on phones
  readonly gates: Record<string, Promise<void>> = {}; // what an opening waits for, by device
  readonly capture: Capture = new Capture(
    {
      heard: (frame) => this.frames.push(frame),
      level: (level) => this.levels.push(level),
      changed: () => this.states.push(this.capture.state),
      silenced: () => this.states.push("silenced"),
      error: (error) => this.errors.push(error.code),
      turnIsOpen: () => this.turnIsOpen,
    },
    undefined,
    async (options, hooks) => {
      await this.gates[options.deviceId ?? ""];
      if (this.refusal !== null) throw this.refusal;
      const code = this.refusals[options.deviceId ?? ""];
      if (code !== undefined) throw new VoiceError(code);
      if (this.isExclusive && this.opened.some(({ closed }) => !closed)) throw new VoiceError("microphone_busy");
      const microphone = new FakeMicrophone(options, hooks);
      this.opened.push(microphone);
      return microphone;
    },
  );

  get microphone(): FakeMicrophone {
    return this.opened.at(-1) as FakeMicrophone;
  }

  say(ms: number, sample = 0): void {
    for (let n = 0; n < ms / 20; n++) this.microphone.hooks.heard(new Int16Array(320).fill(sample), 0);
  }
}

let devices: EventTarget;

beforeEach(() => {
  devices = new EventTarget();
  vi.stubGlobal("navigator", { mediaDevices: devices });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

async function listening(options: MicrophoneOptions = {}): Promise<Fixture> {
  const fixture = new Fixture();
  await fixture.capture.start(options);
  return fixture;
}

test("listens, and lets go", async () => {
  const fixture = await listening({ deviceId: "a" });
  expect(fixture.capture).toMatchObject({ state: "on", label: "Fake", deviceId: "a" });
  fixture.say(40);
  expect(fixture.frames).toHaveLength(2);
  await fixture.capture.flush();
  expect(fixture.microphone.flushes).toBe(1);
  fixture.capture.stop();
  expect(fixture.microphone.closed).toBe(true);
  expect(fixture.states).toEqual(["starting", "on", "silenced", "off"]);
  await fixture.capture.start({});
  fixture.capture.stop();
  expect(fixture.states.slice(4)).toEqual(["starting", "on", "off"]); // nothing was heard
});

test("tells the level every 60 ms", async () => {
  const fixture = await listening();
  fixture.say(60, -16384);
  fixture.say(60);
  expect(fixture.levels).toEqual([
    { rms: 0.5, peak: 0.5 },
    { rms: 0, peak: 0 },
  ]);
});

test("what the browser refuses is thrown, and can be tried again", async () => {
  const fixture = new Fixture();
  fixture.refusal = new VoiceError("microphone_denied");
  await expect(fixture.capture.start({})).rejects.toMatchObject({ code: "microphone_denied" });
  expect(fixture.states).toEqual(["starting", "off"]);
  fixture.refusal = null;
  await fixture.capture.start({});
  expect(fixture.capture.state).toBe("on");
});

describe("another device", () => {
  /** Have devices wait to be opened, as for the question to the user, until they are let. */
  function gate(fixture: Fixture, ...devices: string[]): () => Promise<void> {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    for (const device of devices) fixture.gates[device] = opened;
    return () => {
      open();
      return settled();
    };
  }
  const closed = (fixture: Fixture) => fixture.opened.map((microphone) => microphone.closed);
  const refused = (code: string) => expect.objectContaining({ code });

  test("takes the place of the first, which is heard until then", async () => {
    const fixture = await listening({ deviceId: "a" });
    const open = gate(fixture, "b");
    const switching = fixture.capture.start({ deviceId: "b" });
    fixture.say(40);
    expect(fixture.frames).toHaveLength(2);
    expect(fixture.capture).toMatchObject({ state: "on", deviceId: "a" });
    await open();
    await switching;
    expect(closed(fixture)).toEqual([true, false]);
    expect(fixture.capture).toMatchObject({ state: "on", deviceId: "b" });
    expect(fixture.states).toEqual(["starting", "on", "on"]); // the last tells of the device
  });

  test.each(["microphone_missing", "microphone_denied", "audio"])(
    "that cannot be had, %s, leaves it on",
    async (code) => {
      const fixture = await listening({ deviceId: "a" });
      fixture.refusals.b = code;
      await expect(fixture.capture.start({ deviceId: "b" })).rejects.toEqual(refused(code));
      fixture.say(40);
      expect(fixture.frames).toHaveLength(2);
      expect(closed(fixture)).toEqual([false]);
      expect(fixture.capture).toMatchObject({ state: "on", deviceId: "a" });
      expect(fixture.states).toEqual(["starting", "on"]);
    },
  );

  test("is opened after the first is closed, where the system has one open at a time", async () => {
    const fixture = await listening({ deviceId: "a" });
    fixture.isExclusive = true;
    for (const deviceId of ["b", "b"]) await fixture.capture.start({ deviceId }); // the same one, too
    expect(closed(fixture)).toEqual([true, true, false]);
    expect(fixture.capture.deviceId).toBe("b");
    expect(fixture.states).toEqual(["starting", "on", "starting", "on", "starting", "on"]);
  });

  test("that another program holds gives the first back", async () => {
    const fixture = await listening({ deviceId: "a", noiseSuppression: false });
    fixture.say(40);
    fixture.refusals.b = "microphone_busy";
    await expect(fixture.capture.start({ deviceId: "b" })).rejects.toEqual(refused("microphone_busy"));
    expect(closed(fixture)).toEqual([true, false]);
    expect(fixture.microphone.options).toEqual({ deviceId: "a", noiseSuppression: false });
    expect(fixture.states).toEqual(["starting", "on", "starting", "on"]); // and the turn under way goes on
    fixture.refusals.a = "microphone_busy"; // for good
    await expect(fixture.capture.start({ deviceId: "b" })).rejects.toEqual(refused("microphone_busy"));
    expect(fixture.states.slice(4)).toEqual(["starting", "silenced", "lost"]);
    delete fixture.refusals.a;
    devices.dispatchEvent(new Event("devicechange"));
    await settled();
    expect(fixture.capture).toMatchObject({ state: "on", deviceId: "a" });
  });

  test.each([{}, { b: "microphone_busy" }])(
    "is not opened where it is stopped meanwhile; refused: %j",
    async (refusals) => {
      const fixture = await listening({ deviceId: "a" });
      Object.assign(fixture.refusals, refusals);
      const open = gate(fixture, "b");
      const switching = fixture.capture.start({ deviceId: "b" });
      fixture.capture.stop();
      expect(fixture.capture.state).toBe("off");
      await open();
      await switching;
      expect(closed(fixture)).not.toContain(false);
      expect(fixture.states).toEqual(["starting", "on", "off"]);
    },
  );

  test("that is stopped while the first is taken up again stays off", async () => {
    const fixture = await listening({ deviceId: "a" });
    fixture.refusals.b = "microphone_busy";
    const open = gate(fixture, "a");
    const switching = fixture.capture.start({ deviceId: "b" });
    await settled();
    expect(fixture.capture.state).toBe("starting");
    fixture.capture.stop();
    await open();
    await switching;
    expect(closed(fixture)).toEqual([true, true]);
    expect(fixture.capture.state).toBe("off");
  });

  test("of two, the last counts, whether or not the other can be had", async () => {
    for (const refusals of [{}, { b: "microphone_missing" }, { b: "microphone_busy" }]) {
      const fixture = await listening({ deviceId: "a" });
      Object.assign(fixture.refusals, refusals);
      const open = gate(fixture, "b", "c");
      const switching = ["b", "c"].map((deviceId) => fixture.capture.start({ deviceId }));
      await open();
      await Promise.all(switching);
      expect(fixture.capture).toMatchObject({ state: "on", deviceId: "c" });
      expect(closed(fixture).filter((isClosed) => !isClosed)).toHaveLength(1);
    }
  });

  test("that is asked for while the first is let go for another one, and is gone, gives the first back", async () => {
    const fixture = await listening({ deviceId: "a" });
    Object.assign(fixture.refusals, { b: "microphone_busy", c: "microphone_missing" });
    const open = gate(fixture, "a");
    const overtaken = fixture.capture.start({ deviceId: "b" });
    await settled();
    expect(closed(fixture)).toEqual([true]);
    const switching = fixture.capture.start({ deviceId: "c" });
    void open();
    await expect(switching).rejects.toEqual(refused("microphone_missing"));
    await overtaken;
    expect(fixture.capture).toMatchObject({ state: "on", deviceId: "a" });
    expect(closed(fixture)).toEqual([true, true, false]);
  });

  test("that is asked for while another one is tried once more is all that is opened", async () => {
    const fixture = await listening({ deviceId: "a" });
    fixture.refusals.b = "microphone_busy";
    const overtaken = fixture.capture.start({ deviceId: "b" });
    const openB = gate(fixture, "b"); // the second time
    const openC = gate(fixture, "c");
    await settled();
    const switching = fixture.capture.start({ deviceId: "c" });
    await openB();
    await overtaken;
    expect(fixture.capture.state).toBe("starting");
    await openC();
    await switching;
    expect(fixture.opened.map(({ deviceId }) => deviceId)).toEqual(["a", "c"]);
    expect(fixture.states).toEqual(["starting", "on", "starting", "on"]);
  });

  test("takes over from one that is unplugged meanwhile", async () => {
    const fixture = await listening({ deviceId: "a" });
    const open = gate(fixture, "b");
    const switching = fixture.capture.start({ deviceId: "b" });
    fixture.microphone.hooks.lost();
    await open();
    await switching;
    expect(fixture.states).toEqual(["starting", "on", "starting", "on"]);
    expect(fixture.errors).toEqual(["microphone_lost"]);
    expect(fixture.capture.deviceId).toBe("b");
  });

  test("that is gone leaves any, where the first is unplugged meanwhile", async () => {
    const fixture = await listening({ deviceId: "a" });
    fixture.refusals.b = "microphone_missing";
    const open = gate(fixture, "b");
    const switching = fixture.capture.start({ deviceId: "b" });
    fixture.microphone.hooks.lost();
    void open();
    await expect(switching).rejects.toEqual(refused("microphone_missing"));
    expect(fixture.microphone.options).toEqual({});
    expect(fixture.capture.state).toBe("on");
  });
});

test("one that opens after it was stopped is closed again", async () => {
  const fixture = new Fixture();
  const starting = fixture.capture.start({});
  fixture.capture.stop();
  await starting;
  expect(fixture.microphone.closed).toBe(true);
  expect(fixture.capture.state).toBe("off");
});

describe("muted", () => {
  test("sends silence for a second, and then only while a turn is open", async () => {
    const fixture = await listening();
    fixture.capture.muted = true;
    expect(fixture.microphone.muted).toBe(true);
    fixture.say(2000);
    expect(fixture.frames).toHaveLength(50);
    fixture.turnIsOpen = true;
    fixture.say(100);
    expect(fixture.frames).toHaveLength(55);
    fixture.turnIsOpen = false;
    fixture.capture.muted = false;
    fixture.say(100);
    expect(fixture.frames).toHaveLength(60);
  });

  test("stays so over another device", async () => {
    const fixture = await listening();
    fixture.capture.muted = true;
    await fixture.capture.start({});
    expect(fixture.microphone.muted).toBe(true);
  });
});

test("what was on its way when it was muted is silence, and so is its level", async () => {
  const fixture = await listening();
  fixture.say(40, 1000);
  fixture.capture.muted = true;
  fixture.say(80, 1000);
  expect(fixture.frames.map((frame) => frame[0])).toEqual([1000, 1000, 0, 0, 0, 0]);
  expect(fixture.levels[1]).toEqual({ rms: 0, peak: 0 });
});

test("what the system silences is told, ends what was said, and goes on when it is let", async () => {
  const fixture = await listening();
  const told: boolean[] = [];
  const silence = (silenced: boolean) => {
    fixture.microphone.silenced = silenced;
    fixture.microphone.hooks.silenced();
    told.push(fixture.capture.silenced);
  };
  fixture.say(40);
  silence(true);
  fixture.say(40);
  silence(false);
  expect(told).toEqual([true, false]);
  expect(fixture.states).toEqual(["starting", "on", "silenced", "on", "on"]);
  expect(fixture.frames).toHaveLength(4);
  fixture.microphone.silenced = true;
  fixture.capture.stop();
  expect(fixture.capture.silenced).toBe(false);
});

describe("unplugged", () => {
  test("is told, and another microphone takes over", async () => {
    const fixture = await listening({ deviceId: "a", noiseSuppression: false });
    fixture.microphone.hooks.lost();
    await settled();
    expect(fixture.errors).toEqual(["microphone_lost"]);
    expect(fixture.states).toEqual(["starting", "on", "lost", "on"]);
    expect(fixture.opened[0]?.closed).toBe(true);
    expect(fixture.microphone.options).toEqual({ noiseSuppression: false });
  });

  test("tells where it is taken away because it is not allowed any more", async () => {
    const fixture = await listening();
    fixture.refusal = new VoiceError("microphone_denied");
    fixture.microphone.hooks.lost();
    await settled();
    expect(fixture.capture.state).toBe("lost");
    expect(fixture.errors).toEqual(["microphone_lost", "microphone_denied"]);
  });

  test("waits for one to be plugged in where there is none", async () => {
    const fixture = await listening();
    fixture.refusal = new VoiceError("microphone_missing");
    fixture.microphone.hooks.lost();
    await settled();
    expect(fixture.capture.state).toBe("lost");
    devices.dispatchEvent(new Event("devicechange"));
    await settled();
    fixture.refusal = null;
    devices.dispatchEvent(new Event("devicechange"));
    await settled();
    expect(fixture.capture.state).toBe("on");
    expect(fixture.errors).toEqual(["microphone_lost"]);
    devices.dispatchEvent(new Event("devicechange"));
    await settled();
    expect(fixture.opened).toHaveLength(2);
    fixture.capture.stop();
  });

  test("opens one microphone, however often the browser tells of it", async () => {
    const fixture = await listening();
    fixture.refusal = new VoiceError("microphone_missing");
    fixture.microphone.hooks.lost();
    await settled();
    fixture.refusal = null;
    devices.dispatchEvent(new Event("devicechange"));
    devices.dispatchEvent(new Event("devicechange"));
    await settled();
    expect(fixture.capture.state).toBe("on");
    expect(fixture.opened.map(({ closed }) => closed)).toEqual([true, true, false]);
    expect(fixture.states).toEqual(["starting", "on", "lost", "on"]);
    fixture.capture.stop();
    expect(fixture.microphone.closed).toBe(true);
  });

  test("in mid-sentence is told as the end of what was heard", async () => {
    const fixture = await listening();
    fixture.say(40);
    fixture.refusal = new VoiceError("microphone_missing");
    fixture.microphone.hooks.lost();
    await settled();
    fixture.capture.stop();
    expect(fixture.states).toEqual(["starting", "on", "silenced", "lost", "off"]);
  });

  test("and stopped stays off", async () => {
    const fixture = await listening();
    fixture.refusal = new VoiceError("microphone_missing");
    fixture.microphone.hooks.lost();
    await settled();
    fixture.capture.stop();
    fixture.refusal = null;
    devices.dispatchEvent(new Event("devicechange"));
    await settled();
    expect(fixture.capture.state).toBe("off");
  });
});
