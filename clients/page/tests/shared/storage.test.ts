import { afterEach, beforeEach, expect, test } from "vitest";
import { forgetKey, storedKey, storeKey } from "../../src/shared/keys.js";
import { Keeper } from "../../src/shared/storage.js";

function blocked(): Storage {
  throw new DOMException("Access is denied for this document.", "SecurityError");
}

beforeEach(() => {
  Object.defineProperty(globalThis, "sessionStorage", { get: blocked, configurable: true });
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, "sessionStorage");
});

test("a browser that keeps nothing breaks nothing", () => {
  const keeper = new Keeper(blocked);
  expect(keeper.set("name", "value")).toBe(false);
  expect(keeper.get("name")).toBeNull();
  expect(() => keeper.remove("name")).not.toThrow();
});

test("there a key serves until the page is left", () => {
  expect(storedKey()).toBeUndefined();
  storeKey("key");
  expect(storedKey()).toBe("key");
  forgetKey();
  expect(storedKey()).toBeUndefined();
});
