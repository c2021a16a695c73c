/** A page in a browser that is driven by W3C WebDriver, whatever carries its commands. */

import { type ChildProcess, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";

/** For the script of a page. */
export const SCRIPT_MS = 60_000;
const UNTIL_MS = 20_000;

// biome-ignore lint/suspicious/noExplicitAny: what can be JSON
export type Json = any;

/** Of WebDriver, what we use; https://www.w3.org/TR/webdriver2/ */
export type Command =
  | "Navigate"
  | "Refresh"
  | "FindElement"
  | "ElementClick"
  | "ElementSendKeys"
  | "ExecuteAsyncScript"
  | "TakeScreenshot";

/** Sends a command and gives its value; `id` is an element's. */
export type Send = (command: Command, parameters?: { id?: string } & Record<string, Json>) => Promise<Json>;

/** One window. */
export interface DriverPage {
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

export function pageOf(send: Send, close: () => Promise<void>): DriverPage {
  const element = async (selector: string): Promise<string> =>
    Object.values(await send("FindElement", { using: "css selector", value: selector }))[0] as string;
  const evaluate = async (work: string, args: Json[]): Promise<Json> => {
    const script = `const [args, done] = arguments;
      (async () => (${work})(...args))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await send("ExecuteAsyncScript", { script, args: [args] });
    if (error !== undefined) throw new Error(error);
    return value;
  };
  return {
    goto: (url) => send("Navigate", { url }),
    reload: () => send("Refresh"),
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
    click: async (selector) => send("ElementClick", { id: await element(selector) }),
    type: async (selector, text) => send("ElementSendKeys", { id: await element(selector), text }),
    screenshot: async (file) => writeFileSync(file, Buffer.from(await send("TakeScreenshot"), "base64")),
    close,
  };
}

/** Whether programs are installed. */
export function areInstalled(...programs: string[]): boolean {
  return programs.every((program) => spawnSync("which", [program], { stdio: "ignore" }).status === 0);
}

/** End processes, one after another. */
export async function end(...children: ChildProcess[]): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, "exit");
    child.kill();
    await exited;
  }
}

/**
 * Have the page's microphone say a recording, once for each time that it is opened. It is a MediaStream as any other,
 * so the library goes its usual way: source, worklet, resampler.
 *
 * @param file a WAV as `composeWav` makes them.
 */
export async function speakInto(page: DriverPage, file: string): Promise<void> {
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
