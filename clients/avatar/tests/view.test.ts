// @vitest-environment happy-dom
import { beforeEach, describe, expect, test } from "vitest";
import { ENGLISH } from "../src/labels.js";
import { View, type ViewState } from "../src/view.js";

const CALM: ViewState = {
  ...{ state: "listening", isOn: true, muted: false, hasMicrophone: true, isSilenced: false, pushToTalk: false },
  ...{ isBlocked: false, problem: "", canRetry: false, labels: ENGLISH },
};
const HOSTILE = '<img src=x onerror="alert(1)">';

let root: ShadowRoot;
let view: View;
let done: string[];

beforeEach(() => {
  const host = document.createElement("div");
  document.body.replaceChildren(host);
  root = host.attachShadow({ mode: "open" });
  done = [];
  view = new View(root, {
    start: () => done.push("start"),
    stop: () => done.push("stop"),
    retry: () => done.push("retry"),
    mute: (muted) => done.push(`mute ${muted}`),
    talk: (on) => done.push(`talk ${on}`),
  });
});

const part = (name: string) => root.querySelector(`[part~="${name}"]`) as HTMLElement;
const text = (name: string) => part(name)?.textContent;

describe("buttons", () => {
  test("one button starts and stops, and keeps the focus", () => {
    view.update({ ...CALM, state: "off", isOn: false });
    const button = part("start-button");
    expect(button.textContent).toBe("Start talking");
    button.focus();
    button.click();
    view.update(CALM);
    expect(root.activeElement).toBe(button);
    expect([button.getAttribute("part"), button.textContent]).toEqual(["button stop-button", "End conversation"]);
    button.click();
    expect(done).toEqual(["start", "stop"]);
  });

  test.each<[Partial<ViewState>, string[]]>([
    [{}, ["mute-button"]],
    [{ pushToTalk: true }, ["talk-button"]],
    [{ hasMicrophone: false }, []],
    [{ isOn: false, hasMicrophone: false, state: "off" }, []],
  ])("with %j there are %j", (shown, buttons) => {
    view.update({ ...CALM, ...shown });
    expect(["mute-button", "talk-button"].filter((name) => !part(name).hidden)).toEqual(buttons);
  });

  test("mute is a switch that says how it stands", () => {
    view.update(CALM);
    part("mute-button").click();
    view.update({ ...CALM, muted: true });
    expect(part("mute-button").getAttribute("aria-pressed")).toBe("true");
    part("mute-button").click();
    expect(done).toEqual(["mute true", "mute false"]);
  });
});

describe("what is told", () => {
  test("the state is shown, and is the name of the drawing", () => {
    view.update({ ...CALM, state: "thinking" });
    expect(text("status")).toBe("Thinking…");
    expect(part("stage").getAttribute("aria-label")).toBe("Voice assistant: Thinking…");
  });

  test.each<[Partial<ViewState>, string]>([
    [{ muted: true }, "Microphone muted"],
    [{ muted: true, state: "speaking" }, "Speaking"],
    [{ isSilenced: true }, "Microphone muted by your device"],
    [{ isSilenced: true, state: "speaking" }, "Speaking"],
    [{ isBlocked: true, state: "speaking" }, "Click or press a key to hear the voice"],
    [{ isBlocked: true, state: "off" }, "Ready when you are"],
    [{ state: "problem", problem: "Oh." }, ""],
  ])("%j reads %j", (shown, status) => {
    view.update({ ...CALM, ...shown });
    expect(text("status")).toBe(status);
  });

  test("a screen reader is told of beginnings and ends, not of every turn", () => {
    const region = root.querySelector('[role="status"]');
    const said = (["connecting", "listening", "hearing", "thinking", "speaking", "listening", "off"] as const).map(
      (state) => {
        view.update({ ...CALM, state });
        return region?.textContent;
      },
    );
    expect(said).toEqual(["Connecting…", ...Array(5).fill("Listening"), "Ready when you are"]);
  });

  test("a problem comes as an alert with a way out, and goes", () => {
    view.update({ ...CALM, state: "problem", problem: "No microphone was found.", canRetry: true });
    const alert = root.querySelector('[role="alert"]') as HTMLElement;
    expect(alert.textContent).toBe("No microphone was found.Try again");
    expect(part("retry-button").hidden).toBe(false);
    part("retry-button").click();
    expect(done).toEqual(["retry"]);
    view.update(CALM);
    expect(alert.childElementCount).toBe(0);
    view.update({ ...CALM, problem: "Once more." });
    expect(alert.textContent).toContain("Once more.");
    expect(part("retry-button").hidden).toBe(true);
  });

  test.each<[string, Partial<ViewState>]>([
    ["the problem", { problem: "", canRetry: false }],
    ["the way out", { problem: "The server could not answer this time.", canRetry: false }],
  ])("the focus is not lost with %s, and goes where a key that is held does nothing", (_, next) => {
    view.update({ ...CALM, state: "problem", problem: "No microphone was found.", canRetry: true });
    part("retry-button").focus();
    view.update({ ...CALM, state: "problem", problem: "It was unplugged.", canRetry: true });
    expect(root.activeElement).toBe(part("retry-button"));
    view.update({ ...CALM, ...next });
    expect(root.activeElement).toBe(part("stage"));
    part("stop-button").focus();
    view.update(CALM);
    expect(root.activeElement).toBe(part("stop-button"));
  });

  test("where nothing is on, the button that starts is the way out", () => {
    view.update({ ...CALM, state: "problem", isOn: false, problem: "The voice server does not answer." });
    expect(text("start-button")).toBe("Try again");
    part("start-button").click();
    expect(done).toEqual(["start"]);
    view.update({ ...CALM, state: "off", isOn: false });
    expect(text("start-button")).toBe("Start talking");
  });

  test("its words are those of the page's language", () => {
    view.update({ ...CALM, state: "off", isOn: false, labels: { ...ENGLISH, start: "Los" } });
    expect(text("start-button")).toBe("Los");
  });
});

describe("captions", () => {
  test("show who says what; empty ones are hidden", () => {
    view.update(CALM);
    expect(part("captions").hidden).toBe(true);
    view.caption({ stable: "go ", tentative: "for" }, null);
    expect([text("stable"), text("tentative"), text("user-caption")]).toEqual(["go ", "for", "You: go for"]);
    expect([part("user-caption").hidden, part("agent-caption").hidden]).toEqual([false, true]);
    view.caption(null, { heard: "One", ahead: " two", cutOff: " three" });
    expect(text("agent-caption")).toBe("Assistant: One two three");
    expect(part("cut-off").localName).toBe("s");
    view.caption(null, null);
    expect(part("captions").hidden).toBe(true);
  });

  test("have the direction of what is said, not of the label before it", () => {
    for (const name of ["stable", "tentative", "heard", "ahead", "cut-off"]) {
      const line = part(name).parentElement as HTMLElement;
      expect(line.dir).toBe("auto");
      expect(line.querySelector(".unseen")).toBeNull();
      expect(line.closest("p")?.hasAttribute("dir")).toBe(false); // the bubble's tail stays on its side
    }
  });

  test("are text, whatever they hold", () => {
    view.update({ ...CALM, problem: HOSTILE, labels: { ...ENGLISH, you: HOSTILE, stop: HOSTILE, mute: HOSTILE } });
    view.caption({ stable: HOSTILE, tentative: HOSTILE }, { heard: HOSTILE, ahead: HOSTILE, cutOff: HOSTILE });
    view.announce(HOSTILE, HOSTILE);
    expect(root.querySelectorAll("img").length).toBe(0);
    expect(text("stable")).toBe(HOSTILE);
    expect(root.querySelector('[role="log"]')?.textContent).toBe(`${HOSTILE}: ${HOSTILE}`);
  });

  test("need no style that a strict policy forbids", () => {
    expect(root.querySelectorAll("style, [style], link").length).toBe(0);
    expect(root.adoptedStyleSheets).toHaveLength(2);
  });
});
