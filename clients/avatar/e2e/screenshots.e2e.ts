/** Pictures of the main states, light and dark, for docs/images: `SCREENSHOTS=1 npm run e2e -- screenshots`. */

import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  composeWav,
  type Pages,
  type Server,
  SPEECH,
  servePages,
  startBrowser,
  startServer,
} from "../../e2e/harness/index.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const IMAGES = path("../../../docs/images/");

// biome-ignore lint/suspicious/noExplicitAny: what page.js has on its page
declare const bench: any;

describe.runIf(process.env.SCREENSHOTS)("pictures", () => {
  let server: Server;
  let pages: Pages;
  beforeAll(async () => {
    server = await startServer();
    pages = await servePages({ "/": path("page/"), "/avatar/": path("../dist/standalone/") });
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), pages?.stop()]);
  });

  test.each(["light", "dark"] as const)("in %s", async (colorScheme) => {
    const microphone = composeWav(3000, `${SPEECH}en_go_forward.wav`, 60_000);
    const browser = await startBrowser({ microphone });
    const shoot = (page: Page, name: string) =>
      page
        .locator(name === "faces" ? ".gallery" : "main")
        .screenshot({ path: `${IMAGES}avatar-${name}-${colorScheme}.png` });
    try {
      const gallery = await browser.newPage({ colorScheme, reducedMotion: "reduce" }); // nothing fades in
      await gallery.goto(`${pages.url}/gallery.html`);
      await gallery.locator("[part~=drawing]").last().waitFor();
      await shoot(gallery, "faces");
      await gallery.close();

      const page = await browser.newPage({ colorScheme, viewport: { width: 390, height: 760 } });
      await page.goto(pages.url);
      await page.waitForFunction(() => "bench" in globalThis);
      await page.evaluate((src) => bench.make({ src, captions: "" }), server.url);
      await page.waitForFunction(() => bench.drawn.length > 30 && bench.avatar.pose.blink === 0);
      await shoot(page, "off");
      await page.getByRole("button", { name: "Start talking" }).click();
      await page.locator("voice-avatar[state=hearing]").waitFor();
      await page.waitForFunction(() => bench.text("stable") + bench.text("tentative") !== "");
      await page.waitForFunction(() => bench.avatar.pose.level > 0.3 && bench.avatar.pose.blink === 0);
      await shoot(page, "hearing");
      await page.locator("voice-avatar[state=speaking]").waitFor();
      await page.waitForFunction(() => bench.text("heard").length > 24 && bench.avatar.pose.visemes.sil < 0.1);
      await shoot(page, "speaking");
      await page.close();

      const away = await browser.newPage({ colorScheme, viewport: { width: 390, height: 760 } });
      await away.goto(pages.url);
      await away.waitForFunction(() => "bench" in globalThis);
      await away.evaluate(() =>
        bench
          .make({ src: "http://127.0.0.1:9" })
          .start()
          .catch(() => undefined),
      );
      await away.waitForFunction(() => bench.avatar.pose.smile < -0.3 && bench.avatar.pose.blink === 0);
      await shoot(away, "problem");
    } finally {
      await browser.close();
    }
  });
});
