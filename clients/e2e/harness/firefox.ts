/** Firefox without a screen, driven by its own Marionette, and a sound server of its own to play to. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { areInstalled, type DriverPage, end, type Json, pageOf, SCRIPT_MS } from "./webdriver.js";

/** Another one by the variable FIREFOX. */
const FIREFOX = process.env.FIREFOX ?? "firefox-esr";
const START_MS = 30_000;

/** Whether both programs are installed: Debian's firefox-esr and pulseaudio. */
export const hasFirefox = areInstalled(FIREFOX, "pulseaudio");

export async function startFirefox(): Promise<DriverPage> {
  const home = mkdtempSync(join(tmpdir(), "voicesrv-e2e-"));
  // Its own home and runtime folder: nothing of the user's is read or written, and no sound leaves the test.
  const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, LANG: "en_US.UTF-8" };
  const modules = ["module-native-protocol-unix", "module-null-sink"].flatMap((name) => ["--load", name]);
  const options = ["-n", "--daemonize=no", "--exit-idle-time=-1", ...modules];
  const sound = spawn("pulseaudio", options, { env, stdio: "ignore" });
  writeFileSync(join(home, "user.js"), 'user_pref("marionette.port", 0);\n'); // a free one
  const firefox = spawn(FIREFOX, ["--headless", "--marionette", "--no-remote", "--profile", home], {
    env,
    stdio: "ignore",
  });
  const close = async (): Promise<void> => {
    await end(firefox, sound);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const told = join(home, "MarionetteActivePort");
    for (const giveUpAt = Date.now() + START_MS; !existsSync(told); ) {
      if (Date.now() > giveUpAt) throw new Error("Firefox does not answer");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const marionette = new Marionette(connect(Number(readFileSync(told, "utf8")), "127.0.0.1"));
    await marionette.send("WebDriver:NewSession", {});
    await marionette.send("WebDriver:SetTimeouts", { script: SCRIPT_MS });
    return pageOf((command, parameters = {}) => marionette.send(`WebDriver:${command}`, parameters), close);
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * WebDriver as Firefox speaks it: JSON after its length in bytes and a colon, `[0, id, command, parameters]` there and
 * `[1, id, error, result]` back. https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
 */
class Marionette {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: Json) => void>();
  #id = 0;
  #bytes = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#read();
    });
  }

  async send(command: string, parameters: object): Promise<Json> {
    const id = ++this.#id;
    const text = JSON.stringify([0, id, command, parameters]);
    const answered = new Promise<Json>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    const [, , error, result] = await answered;
    if (error !== null) throw new Error(`${command}: ${error.error}: ${error.message}`);
    return result.value;
  }

  #read(): void {
    for (;;) {
      const colon = this.#bytes.indexOf(":");
      const end = colon + 1 + Number(this.#bytes.subarray(0, colon));
      if (colon < 0 || this.#bytes.length < end) return;
      const message = JSON.parse(this.#bytes.subarray(colon + 1, end).toString());
      this.#bytes = this.#bytes.subarray(end);
      if (Array.isArray(message)) this.#waiting.get(message[1])?.(message); // the first message is a greeting
    }
  }
}
