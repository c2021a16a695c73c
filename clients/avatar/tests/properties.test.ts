import { expect, test } from "vitest";
import { takeUpEarlyProperties } from "../src/properties.js";

test("what was set early is set anew, and hides nothing any more", () => {
  const set: unknown[] = [];
  class Late {
    get labels(): unknown {
      return set.at(-1);
    }
    set labels(value: unknown) {
      set.push(value);
    }
  }
  const early = new Late();
  Object.defineProperty(early, "labels", { value: "Los", configurable: true, writable: true, enumerable: true });
  Object.assign(early, { pagesOwn: 1 });
  takeUpEarlyProperties(early as unknown as HTMLElement);
  expect(set).toEqual(["Los"]);
  expect(Object.getOwnPropertyNames(early)).toEqual(["pagesOwn"]);
  early.labels = "Go";
  expect(set).toEqual(["Los", "Go"]);
});
