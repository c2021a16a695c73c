/** WebKitGTK's test browser, the nearest to Safari that runs here, driven by its own W3C WebDriver. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { freePort } from "./server.js";

const START_MS = 20_000;
const SCRIPT_MS = 60_000;
const UNTIL_MS = 20_000;

/** Whether both programs are installed: Debian's webkit2gtk-driver and xvfb. */
export const hasWebKit = ["WebKitWebDriver", "Xvfb"].every(
  (program) => spawnSync("which", [program], { stdio: "ignore" }).status === 0,
);

// biome-ignore lint/suspicious/noExplicitAny: what can be JSON
type Json = any;

/** One window. WebDriver: https://www.w3.org/TR/webdriver2/ */
export interface WebKitPage {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Run a function on the page with arguments that can be JSON; a promise is waited for. */
  evaluate<A extends Json[], T>(work: (...args: A) => T, ...args: A): Promise<Awaited<T>>;
  /** Wait until a condition on the page holds. */
  until(condition: () => unknown): Promise<void>;
  /** As a person does: what needs a gesture may go on. */
  click(selector: string): Promise<void>;
  type(selector: string, text: string): Promise<void>;
  screenshot(file: string): Promise<void>;
  close(): Promise<void>;
}

/** The key in what is typed. */
export const ENTER = "\ue007";

export async function startWebKit(): Promise<WebKitPage> {
  const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const [display] = await once(createInterface({ input: screen.stdio[3] as Readable }), "line");
  const port = await freePort();
  // In the locale C a page is told the language "C", which is none.
  const env = { ...process.env, DISPLAY: `:${display}`, LANG: "en_US.UTF-8" };
  const driver = spawn("WebKitWebDriver", [`--port=${port}`], { env, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  try {
    const giveUpAt = Date.now() + START_MS;
    while (!(await isReady(url))) {
      if (Date.now() > giveUpAt) throw new Error("WebKitWebDriver does not answer");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { sessionId } = await command("POST", `${url}/session`, { capabilities: {} });
    const session = `${url}/session/${sessionId}`;
    await command("POST", `${session}/timeouts`, { script: SCRIPT_MS });
    return pageOf(session, async () => {
      await command("DELETE", session);
      await end(driver, screen);
    });
  } catch (error) {
    await end(driver, screen);
    throw error;
  }
}

async function end(...children: ChildProcess[]): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null) continue;
    const exited = once(child, "exit");
    child.kill();
    await exited;
  }
}

function pageOf(session: string, close: () => Promise<void>): WebKitPage {
  const post = (path: string, body: object = {}): Promise<Json> => command("POST", `${session}/${path}`, body);
  const element = async (selector: string): Promise<string> => {
    const found = await post("element", { using: "css selector", value: selector });
    return `element/${Object.values(found)[0]}`;
  };
  const evaluate = async (work: string, args: Json[]): Promise<Json> => {
    const script = `const [args, done] = arguments;
      (async () => (${work})(...args))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await post("execute/async", { script, args: [args] });
    if (error !== undefined) throw new Error(error);
    return value;
  };
  return {
    goto: (url) => post("url", { url }),
    reload: () => post("refresh"),
    evaluate: (work, ...args) => evaluate(String(work), args),
    until: (condition) =>
      evaluate(
        `async (ms) => {
      for (const end = performance.now() + ms; !(${condition})(); await new Promise((look) => setTimeout(look, 20))) {
        if (performance.now() > end) throw new Error("not within " + ms + " ms on a page of: " + document.body.innerText);
      }
    }`,
        [UNTIL_MS],
      ),
    click: async (selector) => post(`${await element(selector)}/click`),
    type: async (selector, text) => post(`${await element(selector)}/value`, { text }),
    screenshot: async (file) =>
      writeFileSync(file, Buffer.from(await command("GET", `${session}/screenshot`), "base64")),
    close,
  };
}

async function command(method: string, url: string, body?: object): Promise<Json> {
  const response = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) });
  const { value } = (await response.json()) as { value: Json };
  if (!response.ok) throw new Error(`${url}: ${value.error}: ${value.message}`);
  return value;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/status`)).ok;
  } catch {
    return false;
  }
}

/**
 * Have the page's microphone say a recording, once for each time that it is opened. It is a MediaStream as any other,
 * so the library goes its usual way: source, worklet, resampler.
 *
 * @param file a WAV as `composeWav` makes them.
 */
export async function speakInto(page: WebKitPage, file: string): Promise<void> {
  await page.evaluate((wav) => {
    // On the prototype: WebKit may drop what is set on the object itself.
    MediaDevices.prototype.getUserMedia = async () => {
      const bytes = Uint8Array.from(atob(wav), (character) => character.charCodeAt(0));
      const pcm = new Int16Array(bytes.buffer, 44);
      const context = new AudioContext();
      await context.resume();
      const buffer = new AudioBuffer({ length: pcm.length, sampleRate: 16_000 });
      buffer.copyToChannel(
        Float32Array.from(pcm, (sample) => sample / 32_768),
        0,
      );
      const source = new AudioBufferSourceNode(context, { buffer });
      const destination = new MediaStreamAudioDestinationNode(context);
      source.connect(destination);
      source.start();
      return destination.stream;
    };
  }, readFileSync(file).toString("base64"));
}
