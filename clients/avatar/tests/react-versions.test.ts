/** What other versions of React are given, and servers: they are not installed here, so what reaches React is looked at. */

import * as react from "react";
import { renderToString } from "react-dom/server";
import { beforeEach, expect, test, vi } from "vitest";
import { VoiceAvatar, type VoiceAvatarProps } from "../src/react.js";

vi.mock("react", async (importActual) => {
  const actual = await importActual<typeof react>();
  return { ...actual, createElement: vi.fn(actual.createElement), useLayoutEffect: vi.fn(actual.useLayoutEffect) };
});

beforeEach(() => {
  vi.clearAllMocks();
});

/** Render as a server does: the markup, and what React was given to make it of. */
function rendered(props: VoiceAvatarProps) {
  const markup = renderToString(react.createElement(VoiceAvatar, props));
  const [name, given] = vi.mocked(react.createElement).mock.lastCall as [string, Record<string, unknown>];
  const { ref, suppressHydrationWarning, ...attributes } = given;
  return { markup, name, attributes, suppressHydrationWarning };
}

test("a server renders the element's tag and its attributes, and no more", () => {
  const { markup } = rendered({ src: "https://v.example", className: "face", captions: true, "aria-hidden": true });
  expect(markup).toBe('<voice-avatar class="face" aria-hidden="true"></voice-avatar>');
});

test("no version is given what it would spell out as it is: React 18 knows no `className` and no `false`", () => {
  const { name, attributes, suppressHydrationWarning } = rendered({
    ...{ className: "face", hidden: false, "aria-busy": false, draggable: false, tabIndex: 0, muted: true },
    onState: () => undefined,
  });
  expect(name).toBe("voice-avatar");
  expect(attributes).toEqual({ class: "face", "aria-busy": "false", draggable: false, tabIndex: 0 });
  expect(suppressHydrationWarning).toBe(true);
});

test("a server has no effects of layout, of which React 18 warns", () => {
  rendered({});
  expect(react.useLayoutEffect).not.toHaveBeenCalled();
});
