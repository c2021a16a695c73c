/** `<voice-avatar>` in a real browser, against a real server. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type BrowserOptions,
  composeWav,
  type Pages,
  type Server,
  SPEECH,
  servePages,
  startBrowser,
  startProxy,
  startServer,
} from "../../e2e/harness/index.js";
import { type Drawn, lipOffsets, quantile, type TimedShape } from "./lip-offset.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const REPLIES = /^voicesrv_replies_total.*$/gm;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server: Server;
let pages: Pages;
const closing: (() => Promise<unknown>)[] = [];
const faults: string[] = [];

beforeAll(async () => {
  server = await startServer();
  pages = await servePages({
    "/": path("page/"),
    "/avatar/": path("../dist/standalone/"),
    "/pages/": path("../../e2e/pages/"),
  });
});
afterAll(async () => {
  await Promise.all([server?.stop(), pages?.stop()]);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  expect(faults.splice(0)).toEqual([]);
});

/** A browser on the page; faults of the page fail the test. */
async function open(options: BrowserOptions & { reducedMotion?: "reduce" } = {}): Promise<Page> {
  const browser = await startBrowser(options);
  closing.push(() => browser.close());
  const page = await browser.newPage({ reducedMotion: options.reducedMotion ?? "no-preference" });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // A connection that fails is told in the console by the browser itself.
    if (message.type() === "error" && !message.text().startsWith("WebSocket connection")) faults.push(message.text());
  });
  await page.goto(pages.url);
  await page.waitForFunction(() => "bench" in globalThis);
  return page;
}

// biome-ignore lint/suspicious/noExplicitAny: what page.js has on its page
declare const bench: any;

const LONG =
  "Maybe people prefer a friendly face. We think that five voices, moving together, show much more than words. " +
  "Please buy fresh food, blue paper, and a good map before you go home. Thank you for watching my mouth move.";

interface Hearing {
  drawn: Drawn[];
  visemes: TimedShape[];
  sampleRate: number;
  latencyMs: number;
  underruns: number;
  startsAt: number;
  samples: number;
  wrong: number;
}

describe("the mouth", () => {
  test("follows the mouth shapes of what is heard", async () => {
    const page = await open();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "" }), server.url);
    const heard = (await page.evaluate((text) => bench.hear(text), LONG)) as Hearing;
    expect(heard.wrong, "what was heard is what was sent").toBe(-1);
    expect(heard.underruns).toBe(0);
    const { offsetsMs, missed } = lipOffsets(heard.drawn, heard.visemes, heard.startsAt + heard.latencyMs / 1000);
    const absolute = offsetsMs.map(Math.abs);
    const frames = heard.drawn.slice(1).map(({ now }, n) => now - (heard.drawn[n] as Drawn).now);
    console.log(
      `lip offset of ${offsetsMs.length} shapes: p50 ${quantile(offsetsMs, 0.5).toFixed(1)} ms, |p95| ` +
        `${quantile(absolute, 0.95).toFixed(1)} ms, worst ${Math.max(...absolute).toFixed(1)} ms; missed ${missed}; ` +
        `frames p50 ${quantile(frames, 0.5).toFixed(1)} ms, p95 ${quantile(frames, 0.95).toFixed(1)} ms; drawing p95 ` +
        `${quantile(
          heard.drawn.map(({ drawMs }) => drawMs),
          0.95,
        ).toFixed(2)} ms; latency ${heard.latencyMs} ms`,
    );
    expect(offsetsMs.length).toBeGreaterThan(100);
    expect(missed / heard.visemes.length).toBeLessThan(0.02);
    expect(quantile(absolute, 0.95)).toBeLessThanOrEqual(40);
  });

  test("follows the loudness of a reply that comes without shapes", async () => {
    const page = await open();
    const settings = { visemes: false };
    await page.evaluate(({ src, settings }) => bench.make({ src, "no-microphone": "" }, { settings }), {
      src: server.url,
      settings,
    });
    const heard = (await page.evaluate((text) => bench.hear(text), LONG)) as Hearing;
    expect(heard.visemes).toEqual([]);
    const loudness = (await page.evaluate(() => bench.loudness())) as [number, number][];
    const opened = heard.drawn.map(({ open }) => open);
    const byLag = Array.from({ length: 21 }, (_, n) => {
      const lagMs = 10 * (n - 10);
      const pairs = heard.drawn.flatMap(({ time, open }) => {
        const near = loudness.find(([at]) => time !== null && Math.abs(at + lagMs / 1000 - time) < 0.011);
        return near === undefined ? [] : [[near[1] ** 0.6, open] as const]; // loudness as it is heard
      });
      return { lagMs, together: correlation(pairs) };
    });
    const best = byLag.reduce((most, each) => (each.together > most.together ? each : most));
    console.log(`by loudness: ${opened.length} frames, correlation ${best.together.toFixed(2)}, ${best.lagMs} ms late`);
    // What leaves for the speakers is heard that much later.
    expect(Math.abs(best.lagMs - heard.latencyMs)).toBeLessThanOrEqual(40);
    expect(best.together).toBeGreaterThan(0.7);
    expect(Math.max(...opened)).toBeGreaterThan(0.8);
    expect(Math.min(...opened)).toBeLessThan(0.05);
  });

  test("closes when the reply is cut off", async () => {
    const page = await open();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "", captions: "" }), server.url);
    const closedMs = await page.evaluate(async (text) => {
      const { avatar } = bench;
      await avatar.say(text);
      await bench.until(() => bench.drawn.at(-1).open > 0.8 && avatar.client.playedMs(1) > 1500, "an open mouth");
      const cutAt = performance.now();
      avatar.interrupt();
      await bench.until(() => bench.drawn.at(-1).open < 0.1 && avatar.state === "listening", "a closed one");
      const closed = bench.drawn.find((frame: Drawn) => frame.atMs > cutAt && frame.open < 0.1);
      await bench.until(() => bench.text("cut-off") !== "", "what was cut off");
      return closed.atMs - cutAt;
    }, LONG);
    console.log(`mouth closed ${closedMs.toFixed(0)} ms after the cut`);
    expect(closedMs).toBeLessThan(400);
    const [heard, cutOff] = await page.evaluate(() => [bench.text("heard"), bench.text("cut-off")]);
    expect(heard + cutOff).toBe(LONG);
    expect(heard).toMatch(/^Maybe people/);
    const replies = ((await page.evaluate(() => bench.log)) as Told[]).filter(({ type }) => type === "reply");
    expect(replies.at(-1)?.detail).toMatchObject({ done: true, cause: "cancelled", text: LONG, heard: heard.trim() });
  });
});

describe("a conversation", () => {
  test("is talked, heard, captioned and ended", async () => {
    const microphone = composeWav(1500, `${SPEECH}en_go_forward.wav`, 60_000);
    const page = await open({ microphone });
    await page.evaluate((src) => bench.make({ src, captions: "" }), server.url);
    await page.getByRole("button", { name: "Start talking" }).click();
    await page.evaluate(() =>
      bench.until(() => bench.log.some((e: Told) => e.type === "reply" && e.detail.done), "reply"),
    );
    await page.evaluate(() => bench.until(() => bench.avatar.state === "listening", "the end of it"));
    const told = (await page.evaluate(() => bench.log)) as Told[];
    const states = told.filter(({ type }) => type === "state").map(({ detail }) => detail.state);
    expect(states.slice(0, 3)).toEqual(["connecting", "listening", "hearing"]);
    expect(states).toContain("speaking");
    expect(states.at(-1)).toBe("listening");
    const said = told.find(({ type }) => type === "turn")?.detail.text;
    expect(said).toMatch(/forward/);
    expect(await page.evaluate(() => bench.text("stable"))).toBe(said);
    expect(await page.evaluate(() => bench.text("heard"))).toContain(said); // the echo
    await page.getByRole("button", { name: "Mute microphone" }).click();
    expect(await page.evaluate(() => [bench.avatar.muted, bench.avatar.client.muted])).toEqual([true, true]);
    await page.getByRole("button", { name: "End conversation" }).click();
    await page.evaluate(() => bench.until(() => bench.avatar.state === "off", "the end"));
    expect(await page.evaluate(() => bench.avatar.client)).toBeNull();
  });

  test("that is ended in mid-speech is off, and nothing is answered", async () => {
    const page = await open({ microphone: composeWav(500, `${SPEECH}en_jfk_inaugural.wav`) });
    await page.evaluate((src) => bench.make({ src }), server.url);
    await page.getByRole("button", { name: "Start talking" }).click();
    const replies = () => fetch(`${server.url}/metrics`).then(async (answer) => (await answer.text()).match(REPLIES));
    await page.evaluate(() => bench.until(() => bench.avatar.state === "hearing", "somebody who speaks"));
    const before = await replies();
    await page.getByRole("button", { name: "End conversation" }).click();
    await page.evaluate(() => bench.until(() => bench.avatar.state === "off", "the end"));
    await page.waitForTimeout(1000); // an answer would begin by then
    const told = (await page.evaluate(() => bench.log)) as Told[];
    const states = told.filter(({ type }) => type === "state").map(({ detail }) => detail.state);
    expect(states).toEqual(["connecting", "listening", "hearing", "off"]);
    expect(await replies()).toEqual(before);
  });

  test("that is being ended can have something said at once", async () => {
    const page = await open();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "", volume: "0.5" }), server.url);
    const states = await page.evaluate(async (text) => {
      const { avatar } = bench;
      await avatar.say(text);
      await bench.until(() => avatar.client?.playing > 0, "the voice");
      const first = avatar.client;
      const stopping = avatar.stop();
      avatar.interrupt(); // nothing any more
      await avatar.say("Again.");
      await stopping;
      await bench.until(() => avatar.client?.playing > 0, "the voice again");
      return { first: first.state, isOther: first !== avatar.client, volume: avatar.client.volume };
    }, LONG);
    expect(states).toEqual({ first: "idle", isOther: true, volume: 0.5 });
  });

  test("with push to talk, by key, hears what is said while it is held", async () => {
    const microphone = composeWav(500, `${SPEECH}en_go_forward.wav`);
    const page = await open({ microphone });
    await page.evaluate((src) => bench.make({ src, "push-to-talk": "" }).start(), server.url);
    await page.getByRole("button", { name: "Hold to talk" }).focus();
    await page.keyboard.down("Space");
    await page.evaluate(() =>
      bench.until(() => bench.log.some((e: Told) => /go forward/.test(e.detail.text)), "a transcript"),
    );
    await page.keyboard.up("Space");
    await page.evaluate(() => bench.until(() => bench.log.some((e: Told) => e.type === "turn"), "the turn"));
    const turn = ((await page.evaluate(() => bench.log)) as Told[]).find(({ type }) => type === "turn")?.detail;
    expect(turn).toMatchObject({ cause: "finalize" });
    expect(turn?.text).not.toBe("");
    expect(await page.evaluate(() => bench.avatar.client.muted)).toBe(true);
  });

  test("shows what is said as text, whatever it is", async () => {
    const hostile = '<img src=x onerror="globalThis.hacked = 1"><script>globalThis.hacked = 1</script>';
    const page = await open();
    const labels = { start: hostile, agent: hostile, you: hostile };
    await page.evaluate(({ src, labels }) => bench.make({ src, "no-microphone": "", captions: "" }, { labels }), {
      src: server.url,
      labels,
    });
    await page.evaluate((text) => bench.avatar.sendText(text), hostile);
    // The label is hostile as well, so it takes the echo's own words to know that it has come.
    await page.evaluate(() => bench.until(() => bench.text("agent-caption").includes("I heard: <img"), "the echo"));
    expect(await page.evaluate(() => bench.text("stable"))).toBe(hostile);
    expect(await page.evaluate(() => bench.avatar.shadowRoot.querySelectorAll("img, script").length)).toBe(0);
    expect(await page.evaluate(() => "hacked" in globalThis)).toBe(false);
  });
});

describe("what goes wrong", () => {
  test("a microphone that is refused is told, and the voice still speaks", async () => {
    const page = await open({ allowMicrophone: false });
    await page.evaluate((src) => bench.make({ src }), server.url);
    await page.getByRole("button", { name: "Start talking" }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("The microphone is not allowed here").waitFor();
    expect(await page.evaluate(() => bench.avatar.state)).toBe("problem");
    await page.evaluate(() => bench.avatar.say("I can still speak."));
    await page.evaluate(() => bench.until(() => bench.avatar.client.playing > 0, "the voice"));
    await alert.getByText("The microphone is not allowed here").waitFor(); // it is still so
    await page.getByRole("button", { name: "Try again" }).click();
    await page.evaluate(() =>
      bench.until(() => bench.log.filter((e: Told) => e.type === "error").length === 2, "again"),
    );
  });

  test("sound that cannot be had is told for as long as it is so, and a conversation goes on in captions", async () => {
    const page = await open();
    await page.evaluate((src) => {
      const workletUrl = () => bench.worklet ?? "/nowhere.js";
      bench.make({ src, captions: "", "no-microphone": "" }, { workletUrl });
      return bench.avatar.sendText("Hello.");
    }, server.url);
    await page.evaluate(() => bench.until(() => bench.text("agent-caption").includes("Hello"), "the echo"));
    const alert = page.getByRole("alert");
    await alert.getByText("could not start its audio").waitFor();
    expect(await page.evaluate(() => bench.avatar.state)).toBe("problem");
    await page.evaluate(() => {
      bench.worklet = "/avatar/worklets/speaker.js";
    });
    await page.getByRole("button", { name: "Try again" }).press("Enter");
    await page.locator("voice-avatar[state=listening]").waitFor();
    expect(await alert.textContent()).toBe("");
    expect(await page.evaluate(() => bench.avatar.shadowRoot.activeElement === bench.part("stage"))).toBe(true);
    await page.evaluate(() => bench.avatar.say("Now I am heard."));
    await page.evaluate(() => bench.until(() => bench.avatar.client.playing > 0, "the voice"));
    expect(faults.splice(0).filter((fault) => !fault.includes("404"))).toEqual([]);
  });

  test("a server that is away is told, and found when it is back, without a reload", async () => {
    const proxy = await startProxy(server.port);
    closing.push(() => proxy.stop());
    proxy.refuse();
    const page = await open();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "" }), proxy.url);
    await page.getByRole("button", { name: "Start talking" }).click();
    await page.getByRole("alert").getByText("The voice server does not answer").waitFor();
    proxy.allow();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.evaluate(() => bench.until(() => bench.avatar.state === "listening", "a connection"));
    expect(await page.evaluate(() => bench.text("problem"))).toBe("");
    proxy.cut();
    await page.evaluate(() => bench.until(() => bench.log.at(-1).detail.previous === "connecting", "a reconnection"));
    await page.evaluate(() => bench.avatar.say("Here I am again."));
    await page.evaluate(() => bench.until(() => bench.avatar.client.playing > 0, "the voice"));
  });

  test("a browser that keeps silent until a gesture is told, and one click lets the voice be heard", async () => {
    const page = await open({ autoplay: false });
    await page.goto(`${pages.url}/?${new URLSearchParams({ server: server.url, say: "At last." })}`);
    await page.locator("voice-avatar").getByText("Click or press a key to hear the voice").first().waitFor();
    await page.mouse.click(5, 5);
    await page.locator("voice-avatar[state=speaking]").waitFor();
    await page.locator("voice-avatar[state=listening]").waitFor();
  });

  test("a key that is refused is told, and another one is taken", async () => {
    const guarded = await startServer({ api_keys: "a-good-key-for-the-test" });
    closing.push(() => guarded.stop());
    const page = await open();
    await page.evaluate((src) => bench.make({ src, token: "wrong", "no-microphone": "" }), guarded.url);
    await page.evaluate(() => bench.avatar.start().catch(() => undefined));
    await page.getByRole("alert").getByText("did not accept the key").waitFor();
    await page.evaluate(() => {
      bench.avatar.token = () => "a-good-key-for-the-test";
      return bench.avatar.start();
    });
    expect(await page.evaluate(() => bench.avatar.state)).toBe("listening");
  });
});

describe("for everybody", () => {
  test.each(["light", "dark"] as const)("axe finds nothing serious, in %s", async (colorScheme) => {
    const page = await open({ allowMicrophone: false });
    await page.emulateMedia({ colorScheme });
    await page.evaluate((src) => bench.make({ src, captions: "" }), server.url);
    const serious: string[] = [];
    const look = async (when: string): Promise<void> => {
      await page.evaluate(AXE);
      // biome-ignore lint/suspicious/noExplicitAny: axe puts itself into the page
      const { violations } = await page.evaluate(() => (globalThis as any).axe.run());
      for (const { id, impact, nodes } of violations) {
        if (impact === "serious" || impact === "critical") serious.push(`${when}: ${id} ${nodes[0].html}`);
      }
    };
    await look("off");
    await page.evaluate(() => bench.avatar.sendText("Would you say this back to me, please?".repeat(8)));
    await page.evaluate(() => bench.until(() => bench.text("heard").length > 60, "captions"));
    await look("speaking");
    await page.evaluate(() => bench.avatar.start().catch(() => undefined));
    await page.getByRole("alert").getByText("not allowed").waitFor();
    await look("problem");
    expect(serious).toEqual([]);
  });

  test("who wants no motion sees none but that of the mouth", async () => {
    const page = await open({ reducedMotion: "reduce" });
    await page.evaluate((src) => bench.make({ src, "no-microphone": "" }), server.url);
    const moved = await page.evaluate(async () => {
      const poses: Record<string, number>[] = [];
      const draw = bench.avatar.renderer.draw;
      bench.avatar.renderer.draw = function (pose: Record<string, number>, now: number) {
        poses.push(pose);
        draw.call(this, pose, now);
      };
      await bench.avatar.say("Nothing else moves.");
      await bench.until(() => bench.avatar.client.playing > 0, "the voice");
      await bench.until(() => bench.avatar.client.playing === 0, "its end");
      const spread = (key: string) =>
        Math.max(...poses.map((p) => p[key] ?? 0)) - Math.min(...poses.map((p) => p[key] ?? 0));
      return { head: ["turn", "nod", "tilt", "breath"].map(spread), mouth: bench.drawn.length };
    });
    expect(moved.head).toEqual([0, 0, 0, 0]);
    expect(await page.evaluate(() => Math.max(...bench.drawn.map((frame: Drawn) => frame.open)))).toBeGreaterThan(0.9);
  });
});

interface Told {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type has its own
  detail: any;
}

/** Pearson's, of pairs. */
function correlation(pairs: (readonly [number, number])[]): number {
  const mean = (n: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[n], 0) / pairs.length;
  const [x, y] = [mean(0), mean(1)];
  const sum = (of: (dx: number, dy: number) => number) => pairs.reduce((all, [a, b]) => all + of(a - x, b - y), 0);
  return sum((dx, dy) => dx * dy) / Math.sqrt(sum((dx) => dx * dx) * sum((_, dy) => dy * dy));
}
