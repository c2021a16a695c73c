/** A real server, as a process of its own. */

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
/** The command; another one by the variable VOICESRV. */
const VOICESRV = process.env.VOICESRV ?? join(REPOSITORY, ".venv/bin/voicesrv");
const START_MS = 60_000;

export interface Server {
  /** Such as `http://127.0.0.1:40123`. */
  url: string;
  port: number;
  /** What it logged so far. */
  log(): string;
  /** End it the hard way, as if the machine had failed. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Start a server with the engines that need no download, and wait until it is ready.
 *
 * @param settings by the names of the settings, such as `{ api_keys: "k" }`; they are given as variables.
 */
export async function startServer(settings: Record<string, string> = {}): Promise<Server> {
  const port = Number(settings.port ?? (await freePort()));
  const state = mkdtempSync(join(tmpdir(), "voicesrv-e2e-"));
  const all = { stt: "pocketsphinx", llm: "echo", tts: "espeak", allowed_origins: "*", state_dir: state, ...settings };
  const variables = Object.fromEntries(Object.entries(all).map(([k, v]) => [`VOICESRV_${k.toUpperCase()}`, v]));
  const child = spawn(VOICESRV, ["serve", "--port", String(port)], {
    env: { ...process.env, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (log += data));
  const exited = once(child, "exit");
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
    rmSync(state, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const giveUpAt = Date.now() + START_MS;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      await end("SIGKILL");
      throw new Error(`the server did not start:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, port, log: () => log, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}

/** One that nobody uses, outside the range of the system, which may else give it away while the server is not there. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(randomInt(20_000, 30_000), "127.0.0.1");
    try {
      await once(server, "listening");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
      throw error;
    }
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    return port;
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}
