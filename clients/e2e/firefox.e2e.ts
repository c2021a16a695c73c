/** Library, pages and avatar in Firefox, against a real server. */

import { describe, expect, test } from "vitest";
import { hasFirefox, startFirefox } from "./harness/firefox.js";
import { ENTER } from "./harness/webdriver.js";
import { LONG, sounds, testAll, useStand } from "./webdriver-tests.js";

if (!hasFirefox) console.warn("no Firefox (Debian: apt install firefox-esr pulseaudio): nothing ran in it");

describe.skipIf(!hasFirefox)("in Firefox", () => {
  const stand = useStand(startFirefox);
  testAll(stand);

  // It froze for good in about every fourth reload: see output-latency.ts of the library.
  test("the talk page lives through reloads while it speaks", { timeout: 45_000 }, async () => {
    const { page, server } = stand;
    await page.goto(server.url);
    for (let reloads = 0; reloads < 5; reloads++) {
      await page.type("#text", LONG + ENTER);
      await page.until(sounds);
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
      await page.reload();
    }
    expect(await page.evaluate(() => document.readyState)).toBe("complete");
  });
});
