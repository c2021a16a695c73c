/** Pictures of the pages for docs/images: `PICTURES=1 npx vitest run --config e2e/vitest.config.ts pictures`. */

import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { composeWav, type Server, SPEECH, startBrowser, startServer } from "./harness/index.js";
import { silence, sound, until, watch } from "./page-support.js";

const FOLDER = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const DESKTOP: BrowserContextOptions = { viewport: { width: 1200, height: 820 } };
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 800 }, deviceScaleFactor: 2, isMobile: true };

describe.runIf(process.env.PICTURES)("pictures", () => {
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    const speech = [1000, `${SPEECH}en_go_forward.wav`, 3000, `${SPEECH}en_austen_0880.wav`, 60_000];
    server = await startServer();
    browser = await startBrowser({ microphone: composeWav(...speech) });
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), browser?.close()]);
  });

  const picture = (page: Page, name: string, fullPage = false) =>
    page.screenshot({ path: `${FOLDER}${name}.png`, fullPage });

  for (const [look, options, wanted] of [
    ["light", { ...DESKTOP, colorScheme: "light" }, ["welcome", "interrupted"]],
    ["dark", { ...PHONE, colorScheme: "dark" }, ["welcome", "speaking", "settings"]],
  ] as const) {
    test(`a conversation, ${look}`, async () => {
      const { page } = await watch(browser, server.url, options);
      const take = async (state: (typeof wanted)[number]) => {
        if ((wanted as readonly string[]).includes(state)) await picture(page, `page-${state}-${look}`);
      };
      await until(page, () => document.getElementById("engines")?.textContent);
      await take("welcome");
      await page.click("#dial");
      await sound(page);
      await until(page, () => CSS.highlights.has("spoken"));
      await page.waitForTimeout(900);
      await take("speaking");
      await until(page, () => document.querySelector(".unheard"));
      await until(page, () => document.querySelectorAll(".timing").length === 2);
      await page.locator(".timing summary").first().click();
      await silence(page);
      await page.waitForTimeout(500); // the colours glide
      await take("interrupted");
      await page.click("#open-settings");
      await until(page, () => document.querySelectorAll("#microphone option").length > 1);
      await take("settings");
      await page.context().close();
    });
  }

  test("a face that speaks", async () => {
    const speech = composeWav(1000, `${SPEECH}en_go_forward.wav`, 60_000);
    const talkative = await startBrowser({ microphone: speech });
    const { page } = await watch(talkative, server.url, { ...PHONE, colorScheme: "light", reducedMotion: "reduce" });
    await page.click("#open-settings");
    await page.check("#face");
    await page.keyboard.press("Escape");
    await page.click("#dial");
    await until(page, () => CSS.highlights.has("spoken"));
    await page.waitForTimeout(900);
    await picture(page, "page-face-light");
    await talkative.close();
  });

  test("something that went wrong", async () => {
    const deaf = await startBrowser({ allowMicrophone: false });
    const { page } = await watch(deaf, server.url, { ...DESKTOP, colorScheme: "dark" });
    await until(page, () => document.getElementById("engines")?.textContent);
    await page.click("#dial");
    await page.locator(".notice").waitFor();
    await until(page, () => document.body.dataset.phase === "listening");
    await page.mouse.move(0, 0);
    await page.waitForTimeout(500);
    await picture(page, "page-problem-dark");
    await deaf.close();
  });

  test("a caption that may still change", async () => {
    const talkative = await startBrowser({ microphone: composeWav(500, `${SPEECH}en_jfk_inaugural.wav`, 3000) });
    const { page } = await watch(talkative, server.url, { ...DESKTOP, colorScheme: "light" });
    await page.click("#dial");
    await until(page, () => (document.querySelector(".tentative")?.textContent?.length ?? 0) > 30);
    await picture(page, "page-hearing-light");
    await talkative.close();
  });

  test("the console", async () => {
    const looks = await Promise.all(
      [
        { ...DESKTOP, colorScheme: "light" } as const,
        { ...PHONE, colorScheme: "dark", deviceScaleFactor: 1 } as const,
      ].map(async (options) => (await watch(browser, `${server.url}/console/`, options)).page),
    );
    const talkative = await startBrowser({ microphone: composeWav(`${SPEECH}en_turns_austen.wav`, 3000) });
    const { page } = await watch(talkative, server.url, DESKTOP);
    await page.click("#dial");
    await page.evaluate(() => {
      for (let n = 0; n < 3; n++) new WebSocket("/ws?sample_rate=7000");
    });
    await page.waitForTimeout(40_000);
    await picture(looks[0] as Page, "console-light", true);
    await picture(looks[1] as Page, "console-dark", true);
    await talkative.close();
  });
});
