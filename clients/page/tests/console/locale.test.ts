import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.unstubAllGlobals());

/** What the language is by the time that uPlot is loaded. */
async function languageOf(language: string): Promise<string> {
  vi.resetModules();
  vi.stubGlobal("navigator", {
    get language() {
      return language;
    },
  });
  await import("../../src/console/locale.js");
  return navigator.language;
}

test.each(["C", "en-US@posix"])("of a browser that says %s it is one that Intl takes", async (language) => {
  expect(() => new Intl.NumberFormat(language)).toThrow(RangeError);
  expect(new Intl.NumberFormat(await languageOf(language)).format(1.5)).toBe("1.5");
});

test("another one is left alone", async () => {
  expect(await languageOf("pt-BR")).toBe("pt-BR");
});
