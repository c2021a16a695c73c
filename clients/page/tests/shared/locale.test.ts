import { expect, test } from "vitest";
import { isLanguageTag } from "../../src/shared/locale.js";

test.each(["en", "en-US", "zh-Hant-TW", "de-CH-1996"])("%s is a language tag", (tag) => {
  expect(isLanguageTag(tag)).toBe(true);
});

test.each(["C", "en-US@posix", "en_US", ""])("%j is none", (tag) => {
  expect(isLanguageTag(tag)).toBe(false);
});
