/** How pages treat the element: React's StrictMode, moves, two at once, properties before the definition. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Pages, type Server, servePages, startBrowser, startServer } from "../../e2e/harness/index.js";
import type { VoiceAvatarElement } from "../src/index.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const TEXT = "Maybe people prefer a friendly face that goes on talking for a while, whatever the page around it does.";

interface Uses {
  sockets: WebSocket[];
  tracks: MediaStreamTrack[];
  frames: number;
}
interface Box {
  left: number;
  right: number;
  height: number;
}

declare const uses: Uses;
// biome-ignore lint/suspicious/noExplicitAny: what page.js has on its page
declare const bench: any;

let server: Server;
let pages: Pages;
const folder = mkdtempSync(join(tmpdir(), "voicesrv-strict-"));
const closing: (() => Promise<unknown>)[] = [];
const faults: string[] = [];

beforeAll(async () => {
  server = await startServer();
  const define = { "process.env.NODE_ENV": '"development"' }; // StrictMode does nothing otherwise
  const outDir = `${folder}/`;
  await build({ root: path("strict"), base: "./", mode: "development", define, logLevel: "error", build: { outDir } });
  pages = await servePages({
    "/": path("page/"),
    "/strict/": outDir,
    "/avatar/": path("../dist/standalone/"),
  });
});
afterAll(async () => {
  await Promise.all([server?.stop(), pages?.stop()]);
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  expect(faults.splice(0)).toEqual([]);
});

/** A page that counts its connections, its microphones and its frames. */
async function open(address: string): Promise<Page> {
  const browser = await startBrowser();
  closing.push(() => browser.close());
  const page = await browser.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.addInitScript(() => {
    const uses: Uses = { sockets: [], tracks: [], frames: 0 };
    Object.assign(globalThis, { uses });
    globalThis.WebSocket = class extends WebSocket {
      constructor(...to: ConstructorParameters<typeof WebSocket>) {
        super(...to);
        uses.sockets.push(this);
      }
    };
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints);
      uses.tracks.push(...stream.getTracks());
      return stream;
    };
    const draw = globalThis.requestAnimationFrame.bind(globalThis);
    globalThis.requestAnimationFrame = (callback) => {
      uses.frames++;
      return draw(callback);
    };
  });
  await page.goto(`${pages.url}/${address}`);
  return page;
}

/** How many connections and microphones are open. */
const inUse = (page: Page) =>
  page.evaluate(() => ({
    connections: uses.sockets.filter(({ readyState }) => readyState <= 1).length,
    microphones: uses.tracks.filter(({ readyState }) => readyState === "live").length,
  }));
const bothOpen = (page: Page) =>
  page.waitForFunction(() => {
    const avatar = document.querySelector("voice-avatar");
    return avatar?.state === "listening" && avatar.client?.microphone.state === "on";
  });

test("in React's StrictMode there is one connection and one microphone, also after another takes its place", async () => {
  const page = await open(`strict/index.html?server=${encodeURIComponent(server.url)}`);
  await bothOpen(page);
  expect(await inUse(page)).toEqual({ connections: 1, microphones: 1 });
  expect(await page.evaluate(() => [uses.sockets.length, uses.tracks.length])).toEqual([1, 1]);
  const first = await page.$("voice-avatar");
  await page.getByRole("button", { name: "Another" }).click();
  await bothOpen(page);
  expect(await first?.evaluate((avatar) => avatar.isConnected)).toBe(false);
  await page.waitForFunction(() => uses.sockets.filter(({ readyState }) => readyState <= 1).length === 1);
  expect(await inUse(page)).toEqual({ connections: 1, microphones: 1 });
});

test("properties that were set before the element was defined count, and its attributes do", async () => {
  const page = await open("late.html");
  const seen = await page.evaluate(async (src) => {
    const early = document.querySelector("voice-avatar") as VoiceAvatarElement;
    const drawn: string[] = [];
    const renderer = { mount() {}, unmount() {}, draw: (pose: { state: string }) => drawn.push(pose.state) };
    const token = () => {
      drawn.push("token");
      return "any";
    };
    const microphoneOptions = { deviceId: "one" };
    Object.assign(early, { src, token, renderer, microphoneOptions, captions: true, workletUrl: undefined });
    Object.assign(early, { labels: { start: "Los" } });
    const script = document.createElement("script");
    Object.assign(script, { type: "module", src: "/avatar/voice-avatar.js" });
    document.head.append(script);
    await customElements.whenDefined("voice-avatar");
    while (early.state !== "listening") await new Promise((resolve) => setTimeout(resolve, 10));
    return {
      hidden: Object.getOwnPropertyNames(early),
      same: early.renderer === renderer && early.token === token && early.microphoneOptions === microphoneOptions,
      captions: early.hasAttribute("captions"),
      start: early.labels.start,
      asked: drawn.includes("token"),
      drew: drawn.includes("connecting"),
    };
  }, server.url);
  expect(seen).toEqual({ hidden: [], same: true, captions: true, start: "Los", asked: true, drew: true });
});

describe("on a page", () => {
  async function bare(): Promise<Page> {
    const page = await open("");
    await page.waitForFunction(() => "bench" in globalThis);
    return page;
  }

  test("it talks on while it is moved, and stops with all it has when it is taken away", async () => {
    const page = await bare();
    await page.evaluate((src) => bench.make({ src }).start(), server.url);
    await bothOpen(page);
    await page.evaluate((text) => bench.avatar.say(text), TEXT);
    await page.locator("voice-avatar[state=speaking]").waitFor();
    await page.evaluate(() => {
      document.querySelector("main")?.prepend(bench.avatar); // out and in again
      const place = document.createElement("section");
      document.body.append(place);
      place.append(bench.avatar);
    });
    await page.waitForTimeout(300);
    expect(await inUse(page)).toEqual({ connections: 1, microphones: 1 });
    expect(await page.evaluate(() => bench.avatar.state)).toBe("speaking");
    const opened = await page.evaluate(() => bench.drawn.length);
    await page.waitForFunction((before) => bench.drawn.length > before + 5, opened); // it is drawn there
    expect(await page.evaluate(() => bench.avatar.shadowRoot.querySelectorAll("svg[part=drawing]").length)).toBe(1);

    const context = await page.evaluateHandle(() => bench.avatar.client.output.context);
    await page.evaluate(() => bench.avatar.remove());
    await page.waitForFunction(() => bench.avatar.state === "off" && bench.avatar.client === null);
    expect(await inUse(page)).toEqual({ connections: 0, microphones: 0 });
    expect(await context.evaluate((audio: AudioContext) => audio.state)).toBe("closed");
    const frames = await page.evaluate(() => bench.drawn.length);
    await page.waitForTimeout(300);
    expect(await page.evaluate(() => bench.drawn.length)).toBe(frames);
  });

  test("it is a face and nothing else on a conversation that is the page's", async () => {
    const page = await bare();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "" }).start(), server.url);
    const shown = await page.evaluate(async (text) => {
      const { client } = bench.avatar;
      const face = document.createElement("voice-avatar");
      face.faceOnly = face.captions = true;
      document.body.append(face);
      face.client = client;
      client.say(text);
      await bench.until(() => face.state === "speaking" && face.pose.visemes.sil < 0.1, "an open mouth");
      const others = [...(face.shadowRoot?.children ?? [])]
        .filter((each) => each.getAttribute("part") !== "stage")
        .map((each) => getComputedStyle(each).display);
      const box = face.getBoundingClientRect();
      face.remove();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return {
        square: Math.abs(box.width - box.height) < 1,
        others,
        state: client.state,
        playing: client.playing > 0,
      };
    }, TEXT);
    expect(shown).toMatchObject({ square: true, state: "connected", playing: true });
    expect(new Set(shown.others)).toEqual(new Set(["none"]));
  });

  test("captions follow the voice where the face is scrolled away, or hidden", async () => {
    const page = await bare();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "", captions: "" }).start(), server.url);
    const captioned = (text: string) =>
      page.evaluate(async (text) => {
        await new Promise((resolve) => setTimeout(resolve, 200)); // what is in view is told after a frame or two
        await bench.avatar.say(text);
        await bench.until(() => bench.text("agent-caption").includes(text), text, 5000);
      }, text);
    await page.evaluate(() => {
      document.body.append(Object.assign(document.createElement("div"), { id: "far" }));
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("#far { height: 5000px }");
      document.adoptedStyleSheets = [sheet];
      scrollTo(0, scrollY + bench.part("stage").getBoundingClientRect().bottom + 1);
    });
    await captioned("Scrolled away.");
    await page.evaluate(() => {
      document.adoptedStyleSheets[0]?.insertRule("voice-avatar::part(stage) { display: none }");
      scrollTo(0, 0);
    });
    await captioned("Hidden.");
  });

  test("it keeps its looks and goes on in a frame, and when it comes back", async () => {
    const page = await bare();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "" }).start(), server.url);
    const shown = await page.evaluate(async () => {
      const { avatar } = bench;
      const frame = document.createElement("iframe");
      document.body.prepend(frame);
      const look = async () => {
        const { length } = bench.drawn;
        await bench.until(() => bench.drawn.length > length + 3, "frames", 5000);
        return [avatar.ownerDocument.defaultView.getComputedStyle(avatar).flexDirection, avatar.state];
      };
      const seen = [await look()];
      frame.contentDocument?.body.append(avatar);
      seen.push(await look());
      frame.remove(); // and its window with it
      document.body.append(avatar);
      seen.push(await look());
      return seen;
    });
    expect(shown).toEqual(Array(3).fill(["column", "listening"]));
  });

  test("two of them speak and listen, each for itself", async () => {
    const page = await bare();
    await page.evaluate(
      async ({ src, text }) => {
        const one = bench.make({ src, theme: "peach" });
        const two = bench.make({ src, theme: "mint" });
        Object.assign(globalThis, { two: [one, two] });
        await Promise.all([one.start(), two.start()]);
        await Promise.all([one.say(text), two.say(`Quite another thing. ${text}`)]);
        await bench.until(() => one.state === "speaking" && two.state === "speaking", "both");
      },
      { src: server.url, text: TEXT },
    );
    const [one, two] = [page.locator("voice-avatar").first(), page.locator("voice-avatar").last()];
    expect(await inUse(page)).toEqual({ connections: 2, microphones: 2 });
    const differed = await page.evaluate(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: set above
      const [a, b] = (globalThis as any).two as VoiceAvatarElement[];
      const mouth = (each?: VoiceAvatarElement) => each?.shadowRoot?.querySelector(".lips")?.getAttribute("d");
      for (let n = 0; n < 100; n++) {
        if (mouth(a) !== mouth(b)) return true;
        await new Promise(requestAnimationFrame);
      }
      return false;
    });
    expect(differed).toBe(true);
    const skin = (avatar: typeof one) =>
      avatar.evaluate((each) => getComputedStyle(each.shadowRoot?.querySelector(".stop-skin") as Element).stopColor);
    expect(await skin(one)).not.toBe(await skin(two));
    await one.getByRole("button", { name: "Mute microphone" }).click();
    const muted = (avatar: typeof one) => avatar.evaluate((each: VoiceAvatarElement) => each.client?.muted);
    expect([await muted(one), await muted(two)]).toEqual([true, false]);
    await one.getByRole("button", { name: "End conversation" }).click();
    await page.waitForFunction(() => document.querySelector("voice-avatar")?.state === "off");
    expect(await two.evaluate((each: VoiceAvatarElement) => each.client?.state)).toBe("connected");
    expect(await inUse(page)).toEqual({ connections: 1, microphones: 1 });
  });

  test("a setting that the server refuses is told, and past with the next that it takes, or with none", async () => {
    const page = await bare();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "" }).start(), server.url);
    const avatar = page.locator("voice-avatar");
    for (const mend of ["default", null]) {
      await avatar.evaluate((each: VoiceAvatarElement) => {
        each.agent = "nobody";
      });
      await page.locator("voice-avatar[state=problem]").getByRole("alert").getByText("nobody").waitFor();
      await avatar.evaluate((each: VoiceAvatarElement, agent) => {
        each.agent = agent;
      }, mend);
      await page.locator("voice-avatar[state=listening]").waitFor();
      expect(await page.evaluate(() => bench.text("problem"))).toBe("");
    }
    await avatar.evaluate((each: VoiceAvatarElement) => {
      each.voice = "de";
    });
    await page.waitForFunction(() => bench.avatar.client.settings.voice === "de");
    await avatar.evaluate((each) => each.removeAttribute("voice"));
    await page.waitForFunction(() => bench.avatar.client.settings.voice === "");
  });

  test("what is said has its own direction, and whatever its length the element keeps its size", async () => {
    const page = await bare();
    const arabic = "مرحبا بكم في هذه الصفحة. ";
    await page.evaluate((src) => bench.make({ src, "no-microphone": "", captions: "" }), server.url);
    await page.evaluate((text) => bench.avatar.sendText(text), arabic.repeat(40));
    await page.evaluate(() => bench.until(() => bench.text("stable").length > 900, "what was typed"));
    await page.evaluate(() => {
      const box = bench.part("user-caption");
      return bench.until(() => box.scrollTop + box.clientHeight > box.scrollHeight - 2, "the end in view");
    });
    const shown = await page.evaluate(() => {
      const box = bench.part("user-caption");
      return {
        height: box.offsetHeight,
        direction: getComputedStyle(bench.part("stable")).direction,
        tab: box.tabIndex,
      };
    });
    expect(shown).toMatchObject({ direction: "rtl", tab: 0 });
    expect(shown.height).toBeLessThan(140);
  });

  test.each([64, 120, 320, 1000])("it fits into %i pixels", async (width) => {
    const page = await bare();
    await page.setViewportSize({ width: 1200, height: 1600 });
    await page.evaluate((src) => bench.make({ src, captions: "" }), server.url);
    await page.evaluate((width) => {
      document.querySelector("voice-avatar")?.style.setProperty("width", `${width}px`);
    }, width);
    for (const state of ["off", "listening"]) {
      if (state === "listening") await page.evaluate(() => bench.avatar.start());
      const boxes = await page.evaluate(() =>
        ["stage", "controls", "button"].flatMap((name) =>
          [...bench.avatar.shadowRoot.querySelectorAll(`[part~="${name}"]`)]
            .map((each) => each.getBoundingClientRect())
            .filter(({ width }) => width > 0)
            .map(({ left, right, height }): Box => ({ left, right, height })),
        ),
      );
      const [face, ...others] = boxes as [Box, ...Box[]];
      expect(face.height).toBe(width);
      for (const { left, right } of others) {
        expect([left >= face.left, right <= face.right], state).toEqual([true, true]);
      }
      expect(others.length).toBeGreaterThan(1);
    }
  });

  test("nobody pays for a face that rests, or that nobody sees", async () => {
    const page = await bare();
    await page.evaluate((src) => bench.make({ src, "no-microphone": "", captions: "" }).start(), server.url);
    await page.locator("voice-avatar[state=listening]").waitFor();
    const rate = (script: () => void) =>
      page.evaluate(async (script) => {
        new Function(script)();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const before = bench.drawn.length;
        await new Promise((resolve) => setTimeout(resolve, 6000));
        return (bench.drawn.length - before) / 6;
      }, `(${script})()`);
    const resting = await rate(() => undefined);
    const unseen = await rate(() => {
      const far = document.createElement("div");
      far.id = "far";
      bench.avatar.before(far);
      document.body.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "far.css" }));
    });
    console.log(`frames a second: ${resting.toFixed(1)} at rest, ${unseen.toFixed(1)} out of view`);
    expect(resting).toBeGreaterThan(5);
    expect(resting).toBeLessThan(25);
    expect(unseen).toBe(0);
  });
});
