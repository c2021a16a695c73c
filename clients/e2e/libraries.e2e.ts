/** The libraries that the server hands out, on a page of another origin that has nothing but their addresses. */

import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Pages, type Server, servePages, startBrowser, startServer } from "./harness/index.js";
import { sound, until, type Watched, watch } from "./page-support.js";

let server: Server;
let pages: Pages;
let browser: Browser;
let elsewhere: Watched;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), startBrowser()]);
  const { url, port } = server;
  const policy = `default-src 'none'; script-src ${url}; connect-src ${url} ws://127.0.0.1:${port}; style-src 'self'`;
  pages = await servePages({ "/": fileURLToPath(new URL("pages/elsewhere/", import.meta.url)) }, policy);
});
afterAll(async () => {
  await Promise.all([server?.stop(), browser?.close(), pages?.stop()]);
});
afterEach(async () => {
  // It may ask two servers, and no third.
  const ours = `(request|socket): (http|ws)://127.0.0.1:${server.port}/`;
  const faults = elsewhere.faults.filter((fault) => !fault.match(ours));
  await elsewhere.page.context().close();
  expect(faults).toEqual([]);
});

test("<voice-avatar> from the server's address speaks", async () => {
  elsewhere = await watch(browser, pages.url);
  const { page } = elsewhere;
  await page.evaluate((url) => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = `${url}/clients/voice-avatar.js`;
    const avatar = document.createElement("voice-avatar");
    avatar.setAttribute("src", url);
    document.head.append(script);
    document.body.append(avatar);
  }, server.url);
  await until(page, () => customElements.get("voice-avatar") !== undefined);
  await page.evaluate(() => (document.querySelector("voice-avatar") as unknown as Avatar).say("Good morning."));
  await sound(page);
  await until(page, () => document.querySelector("voice-avatar[state=speaking]"));
});

test("VoiceClient from the server's address is answered", async () => {
  elsewhere = await watch(browser, pages.url);
  const { page } = elsewhere;
  // As text, since Vitest would take `import` for its own.
  const reply = page.evaluate<string>(`(async () => {
    const { VoiceClient } = await import("${server.url}/clients/voicesrv.js");
    const client = new VoiceClient({ url: "${server.url}" });
    const ended = new Promise((resolve) =>
      client.addEventListener("reply.end", ({ detail }) => resolve(detail.text)),
    );
    await client.connect();
    client.sendText("Good morning.");
    return ended;
  })()`);
  await sound(page);
  expect(await reply).toContain("Good morning");
});

interface Avatar {
  say(text: string): Promise<void>;
}
