/** The console, served by the server itself, in a real browser. */

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { startProxy } from "./harness/index.js";
import { DESKTOP, eventually, expectAccessible, expectNarrow, PHONE, type, until, useStand } from "./page-support.js";

const stand = useStand();
const { closing, open, serverOf } = stand;

const live = (page: Page) => until(page, () => document.getElementById("freshness")?.dataset.state === "live");

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
  // Lines were drawn in the colours of the page.
  const drawn = await page.$$eval("canvas", (all) =>
    all.map((canvas) => {
      const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return pixels.filter((_, n) => n % 4 === 3).some((alpha) => alpha > 0);
    }),
  );
  expect(drawn).toEqual([true, true]);
  await talk.click("#anew");
  await eventually(() => page.locator("#connections").innerText()).toBe("0");
});

test("errors are counted", async () => {
  const locked = await serverOf({ api_keys: "right-key" });
  for (let n = 0; n < 3; n++) await fetch(`${locked.url}/v1/info`, { headers: { authorization: "Bearer wrong" } });
  const page = await open(`${locked.url}/console/`);
  await page.locator("#key").waitFor();
  await expectAccessible(page);
  await page.fill("#key-value", "vst_token");
  await page.keyboard.press("Enter");
  await eventually(() => page.locator("#key-refused").innerText()).toMatch(/serves once/);
  await page.fill("#key-value", "right-key");
  await page.keyboard.press("Enter");
  await live(page);
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

for (const [name, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`${name}: axe finds nothing serious, and nothing is too wide`, async () => {
    const page = await open(`${stand.server.url}/console/`, options);
    await live(page);
    await expectAccessible(page);
    await expectNarrow(page);
  });
}
