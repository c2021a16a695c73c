/** What the tests of the pages share: a page that is watched for what it must never do. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** A page, and what was seen of it that must not be. */
export interface Watched {
  page: Page;
  /** Violations of the policy, requests to elsewhere and exceptions; empty where all is well. */
  faults: string[];
}

/** Open a page of a server in a context of its own, and listen from the beginning. */
export async function watch(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext(options);
  await context.addInitScript(hear);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted(HTML|Script)|Trusted Type/i.test(message.text())) faults.push(message.text());
  });
  const isOwn = (address: string) => new URL(address).host === new URL(url).host || address.startsWith("data:");
  page.on("request", (request) => isOwn(request.url()) || faults.push(`request: ${request.url()}`));
  page.on("websocket", (socket) => isOwn(socket.url()) || faults.push(`socket: ${socket.url()}`));
  await page.goto(url);
  return { page, faults };
}

/** What a test asks a page for. */
export interface Ears {
  /** The loudest sample that goes to the speakers now; 0 for silence. */
  peak(): number;
}

declare global {
  var ears: Ears;
}

/** Runs on the page before its own scripts: puts an AnalyserNode beside everything that goes to the speakers. */
function hear(): void {
  const usual = AudioNode.prototype.connect;
  const analysers: AnalyserNode[] = [];
  AudioNode.prototype.connect = function (this: AudioNode, ...to: unknown[]) {
    if (to[0] instanceof AudioDestinationNode && this instanceof GainNode) {
      const analyser = new AnalyserNode(this.context, { fftSize: 512 }); // 21 ms
      usual.call(this, analyser as never);
      analysers.push(analyser);
    }
    return usual.apply(this, to as never) as never;
  };
  globalThis.ears = {
    peak() {
      const samples = new Float32Array(512);
      return Math.max(
        0,
        ...analysers.map((analyser) => {
          analyser.getFloatTimeDomainData(samples);
          return Math.max(...samples.map(Math.abs));
        }),
      );
    },
  };
}

/** Expect it of a page on a machine that has other things to do too. */
export function eventually<T>(look: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(look, { timeout: 15_000 });
}

/** Wait until a condition on the page holds. */
export async function until(page: Page, condition: () => unknown, timeout = 20_000): Promise<void> {
  await page.waitForFunction(condition, null, { timeout, polling: 20 });
}

/** Wait until a reply is heard. */
export function sound(page: Page): Promise<void> {
  return until(page, () => ears.peak() > 0.01);
}

/** Wait until nothing has been heard for a while. */
export async function silence(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let since = performance.now(); performance.now() - since < 300; ) {
      if (ears.peak() > 0) since = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
}

/** What was said, bubble by bubble, as it can be read. */
export function bubbles(page: Page): Promise<string[]> {
  return page.$$eval("#items .said", (all) =>
    all.filter((one) => one.checkVisibility()).map((one) => (one as HTMLElement).innerText),
  );
}

/** Type a message and send it. */
export async function type(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

/** Expect that axe finds nothing serious or critical. */
export async function expectAccessible(page: Page): Promise<void> {
  // By the debugger, as the page's policy lets no script in.
  await page.evaluate(await readFile(AXE, "utf8"));
  const found = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe's own types want a module
    const { violations } = await (globalThis as any).axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }: { impact: string }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }: { id: string; nodes: { html: string }[] }) =>
          `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
      );
  });
  expect(found).toEqual([]);
}

/** Expect that nothing has to be scrolled to from the side. */
export async function expectNarrow(page: Page): Promise<void> {
  const { wide, screen } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    screen: document.documentElement.clientWidth,
  }));
  expect(wide).toBeLessThanOrEqual(screen);
}
