// @vitest-environment happy-dom
import { act, createElement, createRef, StrictMode } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { VoiceAvatarElement } from "../src/index.js";
import { VoiceAvatar, type VoiceAvatarProps } from "../src/react.js";
import { SvgRenderer } from "../src/svg-renderer.js";
import { FakeClient } from "./fake-client.js";

let root: Root;
const avatar = createRef<VoiceAvatarElement>();

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  const place = document.createElement("div");
  document.body.replaceChildren(place);
  root = createRoot(place);
});
afterEach(async () => {
  await act(() => root.unmount());
  vi.unstubAllGlobals();
});

async function show(props: VoiceAvatarProps): Promise<VoiceAvatarElement> {
  await act(() => root.render(createElement(StrictMode, null, createElement(VoiceAvatar, { ...props, ref: avatar }))));
  return avatar.current as VoiceAvatarElement;
}

test("props are the element's properties, and what is left out again is unset", async () => {
  const renderer = new SvgRenderer();
  const shown = await show({
    src: "https://v.example",
    captions: true,
    renderer,
    className: "face",
    id: "a",
    theme: "mint",
  });
  expect(shown).toMatchObject({ src: "https://v.example", captions: true, renderer, className: "face", id: "a" });
  const again = await show({ captions: false, theme: "peach", settings: { llm: "echo" } });
  expect(again).toBe(shown);
  expect(again).toMatchObject({ src: null, captions: false, theme: "peach", settings: { llm: "echo" } });
  expect(again.renderer).not.toBe(renderer);
});

test("null and undefined stand for what a property is at first", async () => {
  const shown = await show({ src: "https://v.example", captions: true, labels: { start: "Los" }, volume: 0.5 });
  const none = { renderer: null, labels: null, settings: null, src: null, volume: null, token: null, captions: null };
  for (const props of [none, { src: undefined, captions: undefined, onTurn: undefined }]) {
    await show(props);
    expect(shown).toMatchObject({ src: null, captions: false, volume: 1, token: undefined, settings: {} });
    expect(shown.labels.start).toBe("Start talking");
  }
});

test("attributes are what they would be on another element", async () => {
  const shown = await show({ className: "face", hidden: true, "aria-hidden": true, title: "A" });
  expect(shown.getAttributeNames().filter((name) => name !== "state")).toEqual([
    "class",
    "hidden",
    "aria-hidden",
    "title",
  ]);
  expect(shown.getAttribute("aria-hidden")).toBe("true");
  await show({ hidden: false, "aria-hidden": false, title: "A" });
  expect(shown.outerHTML).toBe('<voice-avatar aria-hidden="false" title="A" state="off"></voice-avatar>');
});

test("events come to the latest handlers, once each", async () => {
  const client = new FakeClient();
  const [early, late] = [vi.fn(), vi.fn()];
  await show({ client: client.real, onTurn: early });
  client.tell("turn.end", { turn: 1, text: "one" });
  await show({ client: client.real, onTurn: late });
  client.tell("turn.end", { turn: 2, text: "two" });
  expect(early.mock.calls).toEqual([[{ turn: 1, text: "one" }]]);
  expect(late.mock.calls).toEqual([[{ turn: 2, text: "two" }]]);
});

test("the first state is told too, when it starts by itself", async () => {
  const client = new FakeClient();
  const states: string[] = [];
  await show({ client: client.real, noMicrophone: true, autostart: true, onState: ({ state }) => states.push(state) });
  await vi.waitFor(() => expect(states).toEqual(["connecting", "listening"]));
});

test("what a server rendered is taken up as it is, with the state that the element has set", async () => {
  const complained = vi.spyOn(console, "error");
  const place = document.createElement("div");
  const avatar = createElement(VoiceAvatar, { className: "face", hidden: false, captions: true });
  place.innerHTML = renderToString(avatar);
  document.body.append(place);
  const rendered = place.firstElementChild;
  expect(rendered?.getAttribute("state")).toBe("off");
  const hydrated = await act(() => hydrateRoot(place, avatar));
  expect(complained.mock.calls).toEqual([]);
  expect(place.firstElementChild).toBe(rendered);
  expect(rendered).toMatchObject({ captions: true, className: "face" });
  await act(() => hydrated.unmount());
});
