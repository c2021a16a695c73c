/** The page to talk on, for everybody: by keyboard, on small screens, and what it costs. */

import { afterAll, describe, expect, test } from "vitest";
import {
  DESKTOP,
  eventually,
  expectAccessible,
  expectNarrow,
  isDrawn,
  LONG,
  PHONE,
  sound,
  type,
  until,
  useStand,
} from "./page-support.js";

const stand = useStand();
const { closing, open, serverOf } = stand;

describe("for everybody", () => {
  for (const [name, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    test(`${name}: axe finds nothing serious, and nothing is too wide`, async () => {
      const page = await open(stand.server.url, options);
      await eventually(() => page.locator("#engines").innerText()).toContain("echo");
      await expectAccessible(page);
      await expectNarrow(page);
      await type(page, `${LONG} Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft.`);
      await sound(page);
      await page.locator(".timing summary").click();
      await expectAccessible(page);
      await expectNarrow(page);
      await page.click("#hush");
      await page.locator(".unheard").waitFor();
      await expectAccessible(page);
      await page.click("#open-settings");
      await expectAccessible(page);
      await expectNarrow(page);
    });
  }

  for (const [name, viewport] of Object.entries({
    "the narrowest phone": { width: 320, height: 640 },
    "a desktop at 200 %": { width: 640, height: 400 },
    "a desktop at 400 %": { width: 320, height: 256 },
  })) {
    test(`${name}: all of it is there`, async () => {
      const page = await open(stand.server.url, { viewport });
      await eventually(() => page.locator("#engines").innerText()).toContain("echo");
      for (const id of ["dial", "text", "send", "open-settings", "share", "anew"]) {
        const box = await page.locator(`#${id}`).boundingBox();
        expect(box, id).not.toBeNull();
        const { x, y, width, height } = box as NonNullable<typeof box>;
        expect(
          [x, y].every((at) => at >= 0),
          id,
        ).toBe(true);
        expect([x + width <= viewport.width, y + height <= viewport.height], id).toEqual([true, true]);
      }
      await type(page, `${LONG} ${"x".repeat(200)}`);
      await sound(page);
      await page.locator(".timing summary").click();
      await expectNarrow(page);
      const { width } = (await page.locator(".waterfall").boundingBox()) ?? { width: Infinity };
      expect(width).toBeLessThanOrEqual(viewport.width);
      await expectAccessible(page);
    });
  }

  test("the narrowest phone: what goes wrong leaves all of it in reach", async () => {
    const viewport = { width: 320, height: 568 };
    const locked = await serverOf({ api_keys: "a-key-of-ours" });
    const page = await open(locked.url, { viewport });
    for (const button of await page.locator("#key .buttons button").all()) {
      expect((await button.boundingBox())?.height).toBeLessThan(45); // in one line
    }
    await page.click("#key-later");
    const log = await page.locator("#log").boundingBox();
    await page.$eval("#log", (element) => element.scrollTo(0, 0));
    const title = await page.locator(".welcome-title").boundingBox();
    expect(title?.y).toBeGreaterThanOrEqual(log?.y ?? Infinity);
    await page.goto(`${locked.url}/console/`);
    await page.click("#key-later");
    expect((await page.locator("#freshness").boundingBox())?.height).toBeLessThan(30); // in one line
    await expectNarrow(page);
  });

  test("what is written from the right begins there, in the entry and as it was said", async () => {
    const page = await open();
    await page.fill("#text", "مرحبا بالعالم 1.");
    await page.press("#text", "Enter");
    await page.locator(".turn.is-settled").waitFor();
    const [first, last] = await page.$eval(".turn .stable", ({ firstChild }) => {
      const left = (at: number): number => {
        const range = new Range();
        range.setStart(firstChild as Text, at);
        range.setEnd(firstChild as Text, at + 1);
        return range.getBoundingClientRect().left;
      };
      return [left(0), left((firstChild as Text).length - 1)];
    });
    expect(first).toBeGreaterThan(last as number);
    expect(await page.$eval("#text", (text) => getComputedStyle(text).unicodeBidi)).toBe("plaintext");
  });

  test("in colours of one's own: what is pressed and what tells of the connection is drawn", async () => {
    const page = await open(stand.server.url, { forcedColors: "active", colorScheme: "dark" });
    await eventually(() => page.locator("#engines").innerText()).toContain("echo");
    const box = async (of: string) => (await page.locator(of).boundingBox()) ?? expect.fail(of);
    const { x, y, height } = await box("#connection");
    expect(await isDrawn(page, { x: x - 2, y, width: 10, height })).toBe(true); // the dot
    const dial = await box("#dial");
    expect(await isDrawn(page, { ...dial, height: dial.height / 8 })).toBe(true); // the ring
    expect(await isDrawn(page, { ...dial, y: dial.y + dial.height * 0.75, height: dial.height / 8 })).toBe(true); // the disc
    await page.click("#open-settings");
    for (const of of ["#push-to-talk", "#face"]) {
      const off = await box(of);
      expect(await isDrawn(page, off), of).toBe(true);
    }
    await expectAccessible(page);
  });

  test("on paper: all that was said, dark on light, and nothing to press", async () => {
    const page = await open(stand.server.url, { colorScheme: "dark" });
    await type(page, Array.from({ length: 60 }, (_, n) => `Line ${n}.`).join("\n"));
    await page.locator(".turn.is-settled").waitFor();
    await page.click("#hush");
    const pdf = (await page.pdf({ format: "A4" })).toString("latin1");
    expect(Number(/\/Count (\d+)/.exec(pdf)?.[1])).toBeGreaterThan(1);
    await page.emulateMedia({ media: "print" });
    for (const of of [".bar", ".dock", "#notices"]) expect(await page.locator(of).isVisible(), of).toBe(false);
    const [ink, paper] = await page.$eval(".turn .said", (said) => [
      getComputedStyle(said).color,
      getComputedStyle(document.documentElement).backgroundColor,
    ]);
    expect([ink, paper]).toEqual(["rgb(18, 32, 27)", "rgb(255, 255, 255)"]);
  });

  test("all of it by keyboard", async () => {
    const page = await open();
    await eventually(() => page.locator("#engines").innerText()).toContain("echo");
    const reached: string[] = [];
    for (let n = 0; n < 6; n++) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement?.id ?? ""));
    }
    expect(reached).toEqual(["open-settings", "log", "dial", "text", "send", ""]);
    await page.focus("#dial");
    await page.keyboard.press("Enter");
    await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
    await page.focus("#open-settings");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    const focused = () => page.evaluate(() => document.activeElement?.id);
    expect(await focused()).toBe("open-settings");
    await page.focus("#text");
    await page.keyboard.type("Hello.");
    await page.keyboard.press("Enter");
    await until(page, () => document.querySelector(".timing") !== null);
    await page.focus(".timing summary");
    await page.keyboard.press("Enter");
    await page.locator(".waterfall").waitFor();
    await page.focus("#anew");
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("dial"); // what had it is of no use now
  });
});

describe("figures", () => {
  const measured: Record<string, number> = {};
  afterAll(() => console.table(measured));

  test("what is transferred, and when the page can be used", async () => {
    const context = await stand.quiet.newContext(DESKTOP);
    closing.push(() => context.close());
    const page = await context.newPage();
    const debugging = await context.newCDPSession(page);
    await debugging.send("Network.enable");
    let bytes = 0;
    debugging.on("Network.loadingFinished", ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await page.goto(stand.server.url);
    // Its scripts are modules: they have run, and all buttons work, when this event is through.
    const interactiveMs = await page.evaluate(
      () => (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming).domContentLoadedEventEnd,
    );
    await page.click("#dial"); // the audio threads' scripts are fetched now
    await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
    const plain = bytes;
    await page.click("#open-settings");
    await page.check("#face");
    await page.locator("voice-avatar").waitFor();
    await eventually(() => bytes).toBeGreaterThan(plain);
    measured["page transferred with headers, KB"] = Math.round(plain / 102.4) / 10;
    measured["and once the settings were opened and the face shown, KB"] = Math.round(bytes / 102.4) / 10;
    measured["time to interactive on loopback, ms"] = Math.round(interactiveMs);
    expect(plain).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(150 * 1024);
    expect(interactiveMs).toBeLessThanOrEqual(1000);
  });

  test("the heap after 120 turns: ten minutes of talk have some 60", async () => {
    const swift = await serverOf({ vad: "null", stt: "null", llm: "null", tts: "null" });
    const page = await open(swift.url);
    const debugging = await page.context().newCDPSession(page);
    await debugging.send("Performance.enable");
    const heapMb = async (): Promise<number> => {
      for (let n = 0; n < 3; n++) await debugging.send("HeapProfiler.collectGarbage");
      const { metrics } = await debugging.send("Performance.getMetrics");
      return (metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? 0) / 1024 / 1024;
    };
    const talk = async (turns: number): Promise<void> => {
      await page.evaluate(async (turns) => {
        for (let n = 0; n < turns; n++) {
          const text = document.getElementById("text") as HTMLTextAreaElement;
          text.value = `Turn ${n}: what is said here is about as long as what people say in one go.`;
          text.form?.requestSubmit();
          const replies = () => document.querySelectorAll(".reply .said:not(:empty)").length;
          for (const before = replies(); replies() === before; ) {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
          while (ears.peak() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
          text.value = "";
        }
      }, turns);
    };
    await page.click("#dial"); // the microphone is on all the while
    await talk(20);
    const before = await heapMb();
    await talk(120);
    const grownMb = (await heapMb()) - before;
    measured["heap growth over 120 turns with the microphone on, MB"] = Math.round(grownMb * 100) / 100;
    expect(await page.locator("#items > li").count()).toBeGreaterThanOrEqual(280);
    expect(grownMb).toBeLessThanOrEqual(5);
  });
});
