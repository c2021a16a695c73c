/** What the tests of the pages share: a page that is watched for what it must never do. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { composeWav, type Server, SPEECH, startBrowser, startServer } from "./harness/index.js";

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

/** Wait until a page is connected. */
export function connected(page: Page, timeout?: number): Promise<void> {
  return until(page, () => document.getElementById("connection")?.dataset.state === "connected", timeout);
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

/** Wait until so many replies can be read: before its first word, each is on the page already, out of sight. */
export async function answered(page: Page, replies = 1, timeout = 20_000): Promise<void> {
  await page.waitForFunction(
    (replies) =>
      [...document.querySelectorAll(".reply .said")].filter((one) => one.checkVisibility()).length >= replies,
    replies,
    { timeout, polling: 20 },
  );
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

/** Have a page that is loaded anew give requests up after half a second: no test has to wait ten. */
export async function loseNoTime(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const usual = AbortSignal.timeout;
    AbortSignal.timeout = (ms) => usual.call(AbortSignal, ms / 20);
  });
  await page.reload();
}

/** Whether anything is drawn in a part of a page, on what is at its corner. */
export async function isDrawn(page: Page, clip: { x: number; y: number; width: number; height: number }) {
  const picture = (await page.screenshot({ clip })).toString("base64");
  return page.evaluate(async (picture) => {
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const drawing = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    drawing?.drawImage(bitmap, 0, 0);
    const pixels = new Uint32Array(drawing?.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer ?? []);
    return pixels.some((pixel) => pixel !== pixels[0]);
  }, picture);
}

// --- a server, a browser, and pages of theirs ----------------------------------------------------

export const LONG = "The rain had stopped before dawn, and somebody carried a ladder across the square.";
export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
export const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  colorScheme: "dark",
  isMobile: true,
  hasTouch: true,
};

/** What each file of tests of the page stands on. */
export class Stand {
  /** Set before the first test. */
  server!: Server;
  /** Its microphone is silent. */
  quiet!: Browser;
  /** What is to be done after the test, the last first. */
  readonly closing: (() => Promise<unknown>)[] = [];
  readonly #watched: Watched[] = [];

  async begin(): Promise<void> {
    [this.server, this.quiet] = await Promise.all([startServer(), startBrowser({ microphone: composeWav(60_000) })]);
  }

  async end(): Promise<void> {
    await Promise.all([this.server?.stop(), this.quiet?.close()]);
  }

  async clear(): Promise<void> {
    const faults = this.#watched.splice(0).flatMap((each) => each.faults);
    for (const close of this.closing.splice(0).reverse()) await close();
    expect(faults).toEqual([]);
  }

  /** A page that is watched, and goes with the test. */
  readonly open = async (
    url = this.server.url,
    { from = this.quiet, ...options }: BrowserContextOptions & { from?: Browser } = {},
  ): Promise<Page> => {
    const made = await watch(from, url, { ...DESKTOP, ...options });
    this.#watched.push(made);
    this.closing.push(() => made.page.context().close());
    return made.page;
  };

  readonly serverOf = async (settings: Record<string, string>): Promise<Server> => {
    const made = await startServer(settings);
    this.closing.push(() => made.stop());
    return made;
  };

  readonly browserOf = async (options: Parameters<typeof startBrowser>[0]): Promise<Browser> => {
    const made = await startBrowser(options);
    this.closing.push(() => made.close());
    return made;
  };

  /** A browser whose microphone says a sentence, and another one into the reply to it; anew, as it says them once. */
  readonly talkative = (): Promise<Browser> => {
    const speech = [1000, `${SPEECH}en_go_forward.wav`, 3000, `${SPEECH}en_austen_0880.wav`, 60_000];
    return this.browserOf({ microphone: composeWav(...speech) });
  };
}

/** Have a stand for the tests of a file. */
export function useStand(): Stand {
  const stand = new Stand();
  beforeAll(() => stand.begin());
  afterAll(() => stand.end());
  afterEach(() => stand.clear());
  return stand;
}

export const notice = (page: Page) => page.locator(".notice p");
