/** A server that does what a test tells it, and a world without a clock. */

import type { Socket } from "../src/connection.js";
import type { ServerEvent } from "../src/events.js";
import type { Hooks, World } from "../src/link.js";
import type { Audio } from "../src/protocol.js";

/** One connection, as the server's end sees it. */
export class ScriptedSocket implements Socket {
  binaryType = "blob";
  bufferedAmount = 0;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  closed = false;
  readonly query: Record<string, string>;
  readonly commands: Record<string, unknown>[] = [];
  readonly audio: number[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    this.query = Object.fromEntries(new URL(url).searchParams);
  }

  send(message: string | Int16Array): void {
    if (typeof message === "string") this.commands.push(JSON.parse(message));
    else this.audio.push(...message);
  }

  close(): void {
    this.closed = true;
  }

  say(type: string, fields: object = {}): void {
    this.onmessage?.({ data: JSON.stringify({ type, ...fields }) });
  }

  ready(fields: object = {}): void {
    this.say("ready", { protocol: "voicesrv.v1", conversation: "c1", resume: "r1", ...fields });
  }

  play(...pcm: number[]): void {
    this.onmessage?.({ data: new Uint8Array(pcm).buffer });
  }

  drop(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

/** Sockets in the order of their opening; time stands still but for `nowMs`. */
export class ScriptedWorld implements World {
  base: string | undefined = "https://page.example/";
  nowMs = 0;
  readonly sockets: ScriptedSocket[] = [];
  readonly waits: number[] = [];
  waiting: () => Promise<void> = async () => undefined;

  connect = (url: string, protocols: string[]): Socket => {
    const socket = new ScriptedSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  };

  wait = async (ms: number): Promise<void> => {
    this.waits.push(ms);
    this.nowMs += ms;
    await this.waiting();
  };

  now = (): number => this.nowMs;
  random = (): number => 0.5;

  /** The `n`-th socket, once it is being opened. */
  async socket(n: number): Promise<ScriptedSocket> {
    for (let tries = 0; tries < 50; tries++) {
      const socket = this.sockets[n];
      if (socket?.onmessage) return socket;
      await Promise.resolve();
    }
    throw new Error(`connection ${n} was not opened`);
  }
}

/** Keeps what a link tells. */
export class Told implements Hooks {
  readonly events: (ServerEvent | Audio)[] = [];
  readonly troubles: string[] = [];
  downs = 0;
  ends: (string | null)[] = [];

  received = (event: ServerEvent | Audio): void => {
    this.events.push(event);
  };
  down = (): void => {
    this.downs++;
  };
  trouble = (error: Error & { code: string }): void => {
    this.troubles.push(error.code);
  };
  over = (error: (Error & { code: string }) | null): void => {
    this.ends.push(error?.code ?? null);
  };

  get types(): string[] {
    return this.events.map((event) => event.type);
  }
}

/** Let promises that are settled be seen. */
export async function settled(): Promise<void> {
  for (let n = 0; n < 50; n++) await Promise.resolve();
}
