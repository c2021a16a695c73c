/** WebKitGTK's test browser, the nearest to Safari that runs here, driven by its own W3C WebDriver. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { freePort } from "./server.js";
import { areInstalled, type Command, type DriverPage, end, type Json, pageOf, SCRIPT_MS } from "./webdriver.js";

const START_MS = 20_000;
const PATHS: Record<Command, [method: string, path: string]> = {
  Navigate: ["POST", "url"],
  Refresh: ["POST", "refresh"],
  FindElement: ["POST", "element"],
  ElementClick: ["POST", "element/{id}/click"],
  ElementSendKeys: ["POST", "element/{id}/value"],
  ExecuteAsyncScript: ["POST", "execute/async"],
  TakeScreenshot: ["GET", "screenshot"],
};

/** Whether both programs are installed: Debian's webkit2gtk-driver and xvfb. */
export const hasWebKit = areInstalled("WebKitWebDriver", "Xvfb");

export async function startWebKit(): Promise<DriverPage> {
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
    const { sessionId } = await request("POST", `${url}/session`, { capabilities: {} });
    const session = `${url}/session/${sessionId}`;
    await request("POST", `${session}/timeouts`, { script: SCRIPT_MS });
    return pageOf(
      (command, { id, ...body } = {}) => {
        const [method, path] = PATHS[command];
        return request(method, `${session}/${path.replace("{id}", id ?? "")}`, body);
      },
      async () => {
        await request("DELETE", session);
        await end(driver, screen);
      },
    );
  } catch (error) {
    await end(driver, screen);
    throw error;
  }
}

async function request(method: string, url: string, body: object = {}): Promise<Json> {
  const response = await fetch(url, { method, ...(method === "POST" && { body: JSON.stringify(body) }) });
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
