/** The console, served by the server itself, in a real browser. */

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { startProxy } from "./harness/index.js";
import {
  DESKTOP,
  eventually,
  expectAccessible,
  expectNarrow,
  isDrawn,
  loseNoTime,
  PHONE,
  type,
  until,
  useStand,
} from "./page-support.js";

const stand = useStand();
const { closing, open, serverOf } = stand;

const live = (page: Page) => until(page, () => document.getElementById("freshness")?.dataset.state === "live");

/** Whether something is drawn, chart by chart. */
const areDrawn = (page: Page) =>
  page.$$eval("canvas", (all) =>
    all.map((canvas) => {
      const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return pixels.filter((_, n) => n % 4 === 3).some((alpha) => alpha > 0);
    }),
  );

test("what happens on the server is seen", async () => {
  const page = await open(`${stand.server.url}/console`); // it is sent on to /console/
  await live(page);
  expect(await page.locator("#connections").innerText()).toBe("0");
  expect(await page.locator("#no-faults").isVisible()).toBe(true);
  expect(await page.locator("#engines tr").allInnerTexts()).toEqual(
    expect.arrayContaining([expect.stringMatching(/Synthesiser\s+ready\s+espeak/)]),
  );
  const talk = await open(stand.server.url);
  await type(talk, "Hello.");
  await fetch(`${stand.server.url}/no/such/path`, { headers: { origin: "null" } });
  await fetch(`${stand.server.url}/v1/info`, { headers: { host: "elsewhere.test" } }).catch(() => undefined);
  await eventually(() => page.locator("#connections").innerText()).toBe("1");
  await eventually(() => page.locator("#conversations").innerText()).toBe("1 conversation in memory");
  expect(await areDrawn(page)).toEqual([true, true]);
  await talk.click("#anew");
  await eventually(() => page.locator("#connections").innerText()).toBe("0");
});

test("the charts are there where the browser's language is no language tag", async () => {
  const page = await open(`${stand.server.url}/console/`);
  await page.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, "language", { get: () => "en-US@posix" });
  });
  await page.reload();
  await live(page);
  expect(await page.evaluate(() => navigator.language)).toBe("en");
  expect(await areDrawn(page)).toEqual([true, true]);
});

test("the charts of a console that was just opened tell each time once", async () => {
  const page = await open(`${stand.server.url}/console/`);
  await page.addInitScript(() => {
    const drawings: string[][] = Object.assign(globalThis, { drawings: [] }).drawings;
    const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function (...area) {
      drawings.push([]); // each drawing begins with it
      clearRect.apply(this, area);
    };
    CanvasRenderingContext2D.prototype.fillText = function (...text) {
      drawings.at(-1)?.push(text[0]);
      fillText.apply(this, text);
    };
  });
  let looks = 0;
  page.on("response", (response) => {
    if (response.url().endsWith("/metrics")) looks++;
  });
  await page.reload();
  await eventually(() => looks).toBe(4); // now, after 2, 4 and 6 s; the last is not drawn yet
  const drawings = await page.evaluate(() => (globalThis as unknown as { drawings: string[][] }).drawings);
  expect(drawings.length).toBeGreaterThanOrEqual(6);
  for (const drawing of drawings) {
    const times = drawing.filter((text) => /^\d\d:\d\d:\d\d$/.test(text));
    expect(times.length).toBeGreaterThan(1);
    expect([...new Set(times)]).toEqual(times);
  }
});

test("errors are counted", async () => {
  const locked = await serverOf({ api_keys: "right-key" });
  for (let n = 0; n < 3; n++) await fetch(`${locked.url}/v1/info`, { headers: { authorization: "Bearer wrong" } });
  const page = await open(`${locked.url}/console/`);
  await page.locator("#key").waitFor();
  await expectAccessible(page);
  await page.click("#key-later");
  expect(await page.locator("#no-faults").isVisible()).toBe(false); // nobody knows yet
  await page.getByRole("button", { name: "Enter a key" }).click();
  await page.fill("#key-value", "vst_token");
  await page.keyboard.press("Enter");
  await eventually(() => page.locator("#key-refused").innerText()).toMatch(/serves once/);
  await page.fill("#key-value", "right-key");
  await page.keyboard.press("Enter");
  await live(page);
  expect(await page.locator("#notice").isVisible()).toBe(false);
  const row = page.locator("#faults tr", { hasText: "unauthorized" });
  const [, kind, , all] = await row.locator("th, td").allInnerTexts();
  expect(kind).toBe("error");
  expect(Number(all)).toBeGreaterThanOrEqual(3);
  await page.reload(); // the key is kept for this tab
  await live(page);
});

test("a server that is away is looked for until it is back", async () => {
  const network = await startProxy(stand.server.port);
  closing.push(() => network.stop());
  const page = await open(`${network.url}/console/`);
  await live(page);
  network.refuse();
  await eventually(() => page.locator("#notice").innerText()).toMatch(/^The server does not answer\./);
  await expectAccessible(page);
  network.allow();
  await live(page);
  expect(await page.locator("#notice").isVisible()).toBe(false);
});

test("a server that hangs is told, and found again", async () => {
  const page = await open(`${stand.server.url}/console/`);
  await loseNoTime(page);
  await live(page);
  await page.route("**/metrics", () => undefined);
  await eventually(() => page.locator("#notice").innerText()).toMatch(/^The server does not answer\./);
  expect(await page.locator("#freshness").innerText()).toBe("No answer");
  await page.unroute("**/metrics");
  await live(page);
});

test("a clock that is set back stops neither the time up nor the charts", async () => {
  const page = await open(`${stand.server.url}/console/`);
  await page.addInitScript(() => {
    const usual = Date.now;
    const set = Object.assign(globalThis, { backMs: 0 });
    Date.now = () => usual() - set.backMs;
  });
  await page.reload();
  await live(page);
  const metrics = () => page.waitForResponse("**/metrics");
  await page.evaluate(() => Object.assign(globalThis, { backMs: 86_400_000 }));
  await metrics();
  await metrics(); // the one before it is shown
  expect(await page.locator("#uptime").innerText()).not.toBe("0 s");
});

test("in colours of one's own the lines of the charts can be told apart", async () => {
  const page = await open(`${stand.server.url}/console/`, { forcedColors: "active", colorScheme: "dark" });
  await live(page);
  for (const line of await page.locator(".line").all()) {
    const { x, y, height } = (await line.boundingBox()) ?? expect.fail("no legend");
    expect(await isDrawn(page, { x: x - 2, y, width: 12, height })).toBe(true);
  }
  const { x, y, height } = (await page.locator("#freshness").boundingBox()) ?? expect.fail("no dot");
  expect(await isDrawn(page, { x: x - 2, y, width: 10, height })).toBe(true);
});

test("a phone with letters of twice the size: nothing is too wide", async () => {
  const page = await open(`${stand.server.url}/console/`, { viewport: { width: 360, height: 640 } });
  await live(page);
  await page.evaluate(() => {
    document.documentElement.style.fontSize = "200%";
  });
  await expectNarrow(page);
});

for (const [name, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`${name}: axe finds nothing serious, and nothing is too wide`, async () => {
    const page = await open(`${stand.server.url}/console/`, options);
    await live(page);
    await expectAccessible(page);
    await expectNarrow(page);
  });
}

test("the narrowest phone: what the tables tell stays in their panels", async () => {
  const page = await open(`${stand.server.url}/console/`, { ...PHONE, viewport: { width: 320, height: 640 } });
  const stages = ["endpoint", "stt", "llm_first", "tts_first", "total"].flatMap((stage) =>
    ["0.5", "+Inf"].map((le) => `voicesrv_stage_seconds_bucket{stage="${stage}",le="${le}"} 10`),
  );
  const body = [...stages, 'voicesrv_errors_total{code="a_code_of_many_words_with_no_space"} 12345', ""].join("\n");
  await page.route("**/metrics", (route) => route.fulfill({ contentType: "text/plain", body }));
  await page.locator("#faults tr").waitFor();
  await expectNarrow(page);
  for (const table of await page.locator(".panel > table").all()) {
    const [right, edge] = await table.evaluate((element) => [
      element.getBoundingClientRect().right,
      (element.parentElement as Element).getBoundingClientRect().right,
    ]);
    expect(right).toBeLessThan(edge as number);
  }
});
