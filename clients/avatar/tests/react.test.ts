// @vitest-environment happy-dom
import { act, createElement, createRef, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
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

test("a server renders the element's tag, and no more", () => {
  const rendered = renderToString(
    createElement(VoiceAvatar, { src: "https://v.example", className: "face", captions: true }),
  );
  expect(rendered).toBe('<voice-avatar class="face"></voice-avatar>');
});
