import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type DialState, DialView, dialIcon, dialLabel, phaseText } from "../../src/talk/dial-view.js";

const RESTING: DialState = {
  connection: "connected",
  phase: "off",
  microphone: "off",
  muted: false,
  pushToTalk: false,
  held: false,
  sounding: false,
};
const on = (state: Partial<DialState> = {}): DialState => ({
  ...RESTING,
  microphone: "on",
  phase: "listening",
  ...state,
});

test.each<[DialState, string]>([
  [RESTING, "Press to talk"],
  [on({ microphone: "starting" }), "Waiting for the microphone…"],
  [on({ microphone: "lost" }), "The microphone is gone"],
  [{ ...RESTING, connection: "connecting" }, "Connecting…"],
  [on({ connection: "reconnecting", phase: "speaking", sounding: true }), "Reconnecting…"],
  [on(), "Listening…"],
  [on({ muted: true }), "Muted"],
  [on({ phase: "hearing" }), "Hearing you…"],
  [on({ phase: "thinking" }), "Thinking…"],
  [on({ phase: "speaking", sounding: true }), "Speaking. Talk over it to stop it"],
  [on({ phase: "speaking", sounding: true, muted: true }), "Speaking…"],
  [{ ...RESTING, phase: "speaking", sounding: true }, "Speaking…"],
  [{ ...RESTING, pushToTalk: true }, "Hold to talk, or hold the space bar"],
  [on({ pushToTalk: true, muted: true }), "Hold to talk, or hold the space bar"],
  [on({ pushToTalk: true, held: true }), "Listening while you hold"],
])("%j: %s", (state, text) => {
  expect(phaseText(state)).toBe(text);
});

test("its name says what pressing it does", () => {
  expect(dialLabel(RESTING)).toBe("Start talking");
  expect(dialLabel(on())).toBe("Stop the microphone");
  expect(dialLabel(on({ pushToTalk: true }))).toBe("Hold to talk");
  expect(dialLabel(on({ pushToTalk: true, held: true }))).toBe("Let go to end your turn");
});

test.each<[DialState, string]>([
  [RESTING, "microphone"],
  [on({ microphone: "starting" }), "microphone"],
  [on({ microphone: "lost" }), "microphone"],
  [on(), "bars"],
  [on({ muted: true }), "muted"],
  [on({ pushToTalk: true, muted: true }), "microphone"],
  [on({ pushToTalk: true, held: true }), "bars"],
])("%j: drawn as %s", (state, icon) => {
  expect(dialIcon(state)).toBe(icon);
});

describe("on a page", () => {
  class Part extends EventTarget {
    classList = { toggle: () => true };
    dataset = {};
    focus = vi.fn();
    constructor(readonly kind = "") {
      super();
    }
    setAttribute(): void {}
    matches(kind: string): boolean {
      return kind === this.kind;
    }
    closest(kinds: string): this | null {
      return kinds.split(", ").includes(this.kind) ? this : null;
    }
  }
  const part = (id: string) => parts.get(id) ?? parts.set(id, new Part()).get(id);
  let parts: Map<string, Part>;
  let page: EventTarget & { activeElement?: Part };

  beforeEach(() => {
    parts = new Map();
    page = Object.assign(new EventTarget(), { body: new Part(), getElementById: part });
    vi.stubGlobal("document", page);
    vi.stubGlobal("Element", Part);
    vi.stubGlobal("addEventListener", () => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("the space bar lets go wherever the focus is by then", () => {
    const key = (type: string, target: object) => {
      const event = new Event(type, { cancelable: true });
      Object.defineProperties(event, { code: { value: "Space" }, target: { value: target } });
      page.dispatchEvent(event);
      return event;
    };
    const release = vi.fn();
    const press = vi.fn();
    const entry = new Part("textarea");
    new DialView({ toggle: vi.fn(), press, release }).show({ ...RESTING, pushToTalk: true });
    expect(key("keyup", entry).defaultPrevented).toBe(false); // a space that is typed
    key("keydown", new Part("body"));
    expect(press).toHaveBeenCalledTimes(1);
    expect(key("keyup", entry).defaultPrevented).toBe(true);
    expect(release).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["button", true, 1], // the one that opened it
    ["textarea", true, 0], // somebody types
    ["button", false, 0],
  ])(
    "a dialog that closes, the focus on a %s, push to talk %s, gives it to the dial %d times",
    (kind, pushToTalk, times) => {
      new DialView({ toggle: vi.fn(), press: vi.fn(), release: vi.fn() }).show({ ...RESTING, pushToTalk });
      page.activeElement = new Part(kind);
      page.dispatchEvent(new Event("close"));
      expect(part("dial")?.focus).toHaveBeenCalledTimes(times);
    },
  );
});
