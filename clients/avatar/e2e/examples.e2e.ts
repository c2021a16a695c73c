/** The examples, as Vite builds them, in a real browser under a strict policy. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Server, servePages, startBrowser, startServer } from "../../e2e/harness/index.js";
import type { VoiceAvatarElement } from "../src/index.js";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

test.each(["plain", "react", "vue"])("the example for %s speaks", async (name) => {
  const outDir = mkdtempSync(join(tmpdir(), "voicesrv-example-"));
  const root = fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
  await build({ root, logLevel: "error", build: { outDir, emptyOutDir: true } });
  const pages = await servePages({ "/": `${outDir}/` });
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(pages.url);
    await page.locator("voice-avatar[state=off]").evaluate((avatar: VoiceAvatarElement, src) => {
      avatar.src = src;
    }, server.url);
    if (name === "plain") {
      await page.getByLabel("Or type").fill("Hello.");
      await page.getByRole("button", { name: "Send" }).click();
    } else {
      await page.getByRole("button", { name: "Introduce yourself" }).click();
      await page.getByText("It is speaking.").waitFor();
    }
    await page.locator("voice-avatar[state=speaking]").waitFor();
    await page.locator("voice-avatar[state=listening]").waitFor();
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await pages.stop();
    rmSync(outDir, { recursive: true });
  }
});
