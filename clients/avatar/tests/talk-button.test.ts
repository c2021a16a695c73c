// @vitest-environment happy-dom
import { beforeEach, expect, test } from "vitest";
import { TalkButton } from "../src/talk-button.js";

let talk: boolean[];
let button: HTMLButtonElement;

beforeEach(() => {
  talk = [];
  const made = new TalkButton((on) => talk.push(on));
  made.label("Hold", "Let go");
  button = made.element;
  button.setPointerCapture = () => undefined;
  document.body.replaceChildren(button);
});

const press = (type: string, key: string, repeat = false) =>
  button.dispatchEvent(new KeyboardEvent(type, { key, repeat, cancelable: true }));

test("is held with a pointer", () => {
  button.dispatchEvent(new PointerEvent("pointerdown", { button: 0 }));
  expect(button.textContent).toBe("Let go");
  expect(button.hasAttribute("data-held")).toBe(true);
  expect(button.hasAttribute("aria-pressed")).toBe(false); // beside a name that changes it would say it twice
  button.dispatchEvent(new PointerEvent("pointerup"));
  button.click(); // browsers follow up with one
  expect(talk).toEqual([true, false]);
  expect(button.textContent).toBe("Hold");
});

test("not with the other button of a mouse, and no menu opens on a long touch", () => {
  button.dispatchEvent(new PointerEvent("pointerdown", { button: 2 }));
  expect(talk).toEqual([]);
  expect(button.dispatchEvent(new MouseEvent("contextmenu", { cancelable: true }))).toBe(false);
});

test.each([" ", "Enter"])("is held with the key %j, which does not click", (key) => {
  expect(press("keydown", key)).toBe(false);
  press("keydown", key, true);
  press("keyup", key);
  press("keydown", "Tab");
  expect(talk).toEqual([true, false]);
});

test.each(["pointercancel", "blur"])("is let go by %s", (type) => {
  button.dispatchEvent(new PointerEvent("pointerdown", { button: 0 }));
  button.dispatchEvent(new Event(type));
  expect(talk).toEqual([true, false]);
});

test("a pointer that the browser takes away swallows no click after it", () => {
  button.dispatchEvent(new PointerEvent("pointerdown", { button: 0 }));
  button.dispatchEvent(new PointerEvent("pointercancel"));
  button.click(); // of a switch
  expect(talk).toEqual([true, false, true]);
});

test("is a switch for those who can only click", () => {
  button.click();
  button.click();
  expect(talk).toEqual([true, false]);
});
