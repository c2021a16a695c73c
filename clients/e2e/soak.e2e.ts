/** Minutes of real talk on the page: `MINUTES=10 npx vitest run --config e2e/vitest.config.ts soak`. */

import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { composeWav, type Server, SPEECH, startBrowser, startServer } from "./harness/index.js";
import { sound, watch } from "./page-support.js";

const MINUTES = Number(process.env.MINUTES ?? 0);
const MINUTE_MS = 60_000;

describe.runIf(MINUTES > 0)("a long conversation", () => {
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    // The second one falls into the reply to the first.
    const speech = [`${SPEECH}en_go_forward.wav`, 1500, `${SPEECH}en_austen_0880.wav`, 9000];
    server = await startServer();
    browser = await startBrowser({ microphone: composeWav(...speech) });
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), browser?.close()]);
  });

  test(
    `${MINUTES} minutes of talk and ${MINUTES} of the console: what both heaps grow by`,
    async () => {
      const talk = await watch(browser, server.url);
      const console_ = await watch(browser, `${server.url}/console/`);
      const debugging = await Promise.all([debug(talk.page), debug(console_.page)]);
      await talk.page.click("#dial");
      await sound(talk.page);
      const before = await Promise.all(debugging.map(held));
      for (let minute = 1; minute <= MINUTES; minute++) {
        await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
        const now = await Promise.all(debugging.map(held));
        console.info(`after ${minute} min`, { talk: now[0], console: now[1] });
      }
      const after = await Promise.all(debugging.map(held));
      const turns = await talk.page.locator("#items > li").count();
      console.info({ before, after, turns });
      expect([...talk.faults, ...console_.faults]).toEqual([]);
      expect(turns).toBeGreaterThan(MINUTES);
      for (const [n, { heapMb }] of after.entries()) expect(heapMb - (before[n]?.heapMb ?? 0)).toBeLessThanOrEqual(5);
    },
    (MINUTES + 2) * MINUTE_MS,
  );
});

async function debug(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  return session;
}

/** What a page holds after its rubbish is collected. */
async function held(session: CDPSession): Promise<{ heapMb: number; nodes: number; listeners: number }> {
  for (let n = 0; n < 3; n++) await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (name: string) => metrics.find((each) => each.name === name)?.value ?? Number.NaN;
  return {
    heapMb: Math.round((of("JSHeapUsedSize") / 2 ** 20) * 100) / 100,
    nodes: of("Nodes"),
    listeners: of("JSEventListeners"),
  };
}
