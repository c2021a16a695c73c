/** What holds in every browser, in those that WebDriver drives: library, pages and avatar against a real server. */

import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { composeWav, type Pages, type Server, SPEECH, servePages, startProxy, startServer } from "./harness/index.js";
import { type DriverPage, ENTER, speakInto } from "./harness/webdriver.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const TEXT = "The rain had stopped before dawn.";
/** Takes some seconds to say. */
export const LONG = `${TEXT} The whole valley lay quiet, and somebody carried a ladder across the square.`;

// biome-ignore lint/suspicious/noExplicitAny: what bench.js and page.js have on their pages
declare const bench: any;
declare global {
  var violations: string[];
}

/** What the tests of a browser stand on. */
export class Stand {
  /** Both set before the first test. */
  server!: Server;
  page!: DriverPage;
  /** What is to be done after the test, the last first. */
  readonly closing: (() => Promise<unknown>)[] = [];

  async serve(folders: Record<string, string>): Promise<Pages> {
    const pages = await servePages(folders);
    this.closing.push(() => pages.stop());
    return pages;
  }
}

/** Have a stand for the tests of a file. */
export function useStand(start: () => Promise<DriverPage>): Stand {
  const stand = new Stand();
  beforeAll(async () => {
    [stand.server, stand.page] = await Promise.all([startServer(), start()]);
  });
  afterAll(async () => {
    await Promise.all([stand.server?.stop(), stand.page?.close()]);
  });
  afterEach(async () => {
    for (const close of stand.closing.splice(0).reverse()) await close();
  });
  return stand;
}

/** Define them. */
export function testAll(stand: Stand): void {
  test("a reply to speech is played to the sample, and speech over it silences it", async () => {
    const { page, server } = stand;
    const { url } = await stand.serve({ "/": path("pages/bench/"), "/lib/": path("../web/dist/") });
    await page.goto(url);
    const speech = [500, `${SPEECH}en_go_forward.wav`, 3500, `${SPEECH}en_austen_0880.wav`, 60_000];
    await speakInto(page, composeWav(...speech));
    await page.click("button"); // sound begins with a gesture
    const seen = await page.evaluate(async (url) => {
      const client = bench.make({ url });
      await client.connect();
      await bench.tap();
      await client.startMicrophone();
      await bench.until(() => bench.of("clear").length > 0, "speech over the reply");
      const { time } = bench.of("clear")[0];
      await bench.until(() => client.output.context.currentTime > time + 0.5, "a while");
      const received = bench.received();
      const sound = bench.sound();
      return {
        text: bench.of("turn.end")[0].detail.text,
        heardMs: sound.length / (client.output.context.sampleRate / 1000),
        // What sounded is the beginning of what came, but for the 8 ms in which it fades.
        firstOther: sound.subarray(0, -200).findIndex((sample: number, n: number) => sample !== received[n]),
        silentAfterMs: (bench.lastSoundAfter(time) - time) * 1000,
        stats: client.stats,
      };
    }, server.url);
    expect(seen.text).toMatch(/^go forward ten/);
    expect(seen.heardMs).toBeGreaterThan(1000);
    expect(seen.firstOther).toBe(-1);
    expect(seen.silentAfterMs).toBeLessThan(50);
    expect(seen.stats.underruns).toBe(0);
  });

  test("the talk page: a cut and a reload are survived, and sound is asked for", async () => {
    const { page, server } = stand;
    const network = await startProxy(server.port);
    stand.closing.push(() => network.stop());
    await page.goto(network.url);
    await page.evaluate(watch);
    await page.type("#text", TEXT + ENTER);
    await page.until(sounds);
    network.cut();
    await page.until(() => document.body.dataset.phase === "listening");
    expect(await page.evaluate(said)).toEqual([TEXT, expect.stringContaining(`I heard: ${TEXT}`)]);
    expect(await page.evaluate(() => document.querySelectorAll(".unheard").length)).toBe(0);
    await page.type("#text", LONG + ENTER);
    await page.until(() => document.querySelectorAll(".reply").length === 2);
    await page.until(sounds);
    expect(await page.evaluate(() => violations)).toEqual([]);
    await page.reload();
    await page.until(() => document.getElementById("notices")?.textContent?.includes("Turn sound on"));
    await page.evaluate(watch);
    await page.click("#log");
    await page.until(sounds);
    await page.until(() => document.body.dataset.phase === "listening");
    expect(await page.evaluate(said)).toHaveLength(4);
    expect(await page.evaluate(() => violations)).toEqual([]);
  });

  test("the console draws", async () => {
    const { page, server } = stand;
    await page.goto(`${server.url}/console/`);
    await page.evaluate(watch);
    await page.until(() => document.getElementById("freshness")?.dataset.state === "live");
    await page.until(() => {
      const canvases = [...document.querySelectorAll("canvas")];
      const isDrawn = (canvas: HTMLCanvasElement) =>
        canvas
          .getContext("2d")
          ?.getImageData(0, 0, canvas.width, canvas.height)
          .data.some((value, n) => n % 4 === 3 && value > 0);
      return canvases.length === 2 && canvases.every(isDrawn);
    });
    expect(await page.evaluate(() => violations)).toEqual([]);
  });

  test("the avatar's mouth moves with its voice, and closes", async () => {
    const { page, server } = stand;
    const folders = { "/": "../avatar/e2e/page/", "/avatar/": "../avatar/dist/standalone/", "/pages/": "pages/" };
    const { url } = await stand.serve(
      Object.fromEntries(Object.entries(folders).map(([at, name]) => [at, path(name)])),
    );
    await page.goto(url);
    await page.evaluate(watch);
    await page.click("main");
    const seen = await page.evaluate(
      async (src, text) => {
        bench.make({ src, "no-microphone": "" });
        const { drawn, underruns, wrong } = await bench.hear(text);
        await bench.until(() => bench.drawn.at(-1).open < 0.05, "a closed mouth");
        return {
          widest: Math.max(...drawn.map(({ open }: { open: number }) => open)),
          shapes: new Set(drawn.map(({ shape }: { shape: string }) => shape)).size,
          underruns,
          wrong,
          violations,
        };
      },
      server.url,
      TEXT,
    );
    expect(seen.widest).toBeGreaterThan(0.9);
    expect(seen.shapes).toBeGreaterThan(6);
    expect(seen).toMatchObject({ underruns: 0, wrong: -1, violations: [] });
  });
}

/** Runs on a page: note violations of its policy from now on, and what nobody catches. */
function watch(): void {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    violations.push(`${event.effectiveDirective}: ${event.blockedURI}`),
  );
  addEventListener("error", ({ message }) => violations.push(message));
  addEventListener("unhandledrejection", ({ reason }) => violations.push(String(reason)));
}

/** Runs on the talk page: whether a reply is heard, by the level of what goes to the speakers. */
export function sounds(): boolean {
  const level = Number(document.getElementById("dial")?.style.getPropertyValue("--level"));
  return document.body.dataset.phase === "speaking" && level > 0.2;
}

/** Runs on the talk page: its bubbles. */
function said(): string[] {
  return [...document.querySelectorAll<HTMLElement>("#items .said")].map(({ innerText }) => innerText);
}
