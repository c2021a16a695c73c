/** The example in 3-D: the real three.js, drawn by Chromium's WebGL in software. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import type { Mesh, Object3D } from "three";
import { build } from "vite";
import { expect, test } from "vitest";
import { servePages, startServer } from "../../e2e/harness/index.js";
import type { VoiceAvatarElement } from "../src/index.js";
import type { TimedShape } from "./lip-offset.js";

const TEXT = "We show five blue shapes. Maybe you buy a good map, and we go home.";
const BORDER_MS = 35;
/* Neighbouring shapes melt into each other so near to their border. */

interface Drawn {
  playedMs: number;
  influences: Record<string, number>;
}

interface Bench {
  mouth: Mesh;
  drawn: Drawn[];
  visemes: TimedShape[];
}

declare const bench: Bench; // on the page

test("morph targets follow what is heard", async () => {
  const outDir = mkdtempSync(join(tmpdir(), "voicesrv-example-"));
  const root = fileURLToPath(new URL("../examples/three", import.meta.url));
  await build({ root, logLevel: "error", build: { outDir, emptyOutDir: true, chunkSizeWarningLimit: 2000 } });
  const [server, pages] = await Promise.all([startServer(), servePages({ "/": `${outDir}/` })]);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--enable-unsafe-swiftshader", "--autoplay-policy=no-user-gesture-required"],
  });
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.addInitScript(() => {
      // three.js tells its scenes to what debuggers put here.
      const tools = new EventTarget();
      tools.addEventListener("observe", (event) => {
        const scene = (event as CustomEvent<Object3D>).detail;
        if ("isScene" in scene) Object.assign(globalThis, { scene });
      });
      Object.assign(globalThis, { __THREE_DEVTOOLS__: tools });
    });
    await page.goto(pages.url);
    const avatar = page.locator("voice-avatar[state=off]");
    await avatar.evaluate((avatar: VoiceAvatarElement, src) => {
      avatar.src = src;
      const { scene } = globalThis as unknown as { scene: Object3D };
      let mouth: Mesh | undefined;
      scene.traverse((part) => {
        if ("viseme_aa" in ((part as Mesh).morphTargetDictionary ?? {})) mouth = part as Mesh;
      });
      const bench: Bench = { mouth: mouth as Mesh, drawn: [], visemes: [] };
      Object.assign(globalThis, { bench });
      avatar.addEventListener("client", ({ detail: client }) => {
        client.addEventListener("visemes", ({ detail }) => bench.visemes.push(...detail.items));
      });
      const { renderer } = avatar;
      const draw = renderer.draw.bind(renderer);
      renderer.draw = (pose, now) => {
        draw(pose, now);
        const playedMs = avatar.client?.playing ? avatar.client.playedMs(1) : null;
        if (playedMs === null) return;
        const { morphTargetDictionary: places = {}, morphTargetInfluences: values = [] } = bench.mouth;
        const influences = Object.entries(places).map(([name, place]) => [name, values[place]]);
        bench.drawn.push({ playedMs, influences: Object.fromEntries(influences) });
      };
    }, server.url);
    const pixels = () =>
      avatar.evaluate((avatar: VoiceAvatarElement) => {
        avatar.renderer.draw(avatar.pose, performance.now()); // what is drawn can be read in the same task
        const canvas = avatar.shadowRoot?.querySelector("canvas") as HTMLCanvasElement;
        const copy = Object.assign(document.createElement("canvas"), { width: 320, height: 320 });
        const context = copy.getContext("2d") as CanvasRenderingContext2D;
        context.drawImage(canvas, 0, 0, 320, 320);
        return [...context.getImageData(160, 100, 1, 1).data];
      });
    const [, , blue = 0, opaque = 0] = await pixels();
    expect([blue > 100, opaque], "its forehead is drawn").toEqual([true, 255]);

    await page.locator("voice-avatar").evaluate((avatar: VoiceAvatarElement, text) => avatar.say(text), TEXT);
    await page.locator("voice-avatar[state=speaking]").waitFor();
    await page.locator("voice-avatar[state=listening]").waitFor();
    const { drawn, visemes } = await page.evaluate(() => ({ drawn: bench.drawn, visemes: bench.visemes }));
    const seen = new Set<string>();
    let right = 0;
    let looked = 0;
    for (const { playedMs, influences } of drawn) {
      const shape = visemes.find((v) => playedMs >= v.start_ms + BORDER_MS && playedMs + BORDER_MS <= v.end_ms);
      if (shape === undefined) continue;
      const [most] = Object.entries(influences).sort(([, a], [, b]) => b - a)[0] as [string, number];
      const name = { ih: "I", oh: "O", ou: "U" }[shape.viseme] ?? shape.viseme;
      looked++;
      if (most === `viseme_${name}`) right++;
      seen.add(name);
    }
    console.log(`${right} of ${looked} frames of ${drawn.length}, ${seen.size} shapes`);
    expect(seen.size).toBeGreaterThan(5);
    expect(right / looked).toBeGreaterThan(0.95);
    for (const { influences } of drawn) {
      const sum = Object.values(influences).reduce((all, each) => all + each, 0);
      expect(sum).toBeCloseTo(1, 3);
    }
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
    await Promise.all([server.stop(), pages.stop()]);
    rmSync(outDir, { recursive: true });
  }
});
