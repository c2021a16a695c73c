import { expect, test } from "vitest";
import { type DialState, dialLabel, phaseText } from "../../src/talk/dial-view.js";

const RESTING: DialState = {
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
