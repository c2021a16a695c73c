/** A server that does what a test tells it, and a world without a clock. */

import type { Socket } from "../src/connection.js";
import type { VoiceError } from "../src/errors.js";
import type { ServerEvent } from "../src/events.js";
import type { Hooks } from "../src/link.js";
import type { Audio } from "../src/protocol.js";
import type { Changes } from "../src/settings.js";
import type { World } from "../src/world.js";

/* As `WebSocket` has them. */
const OPEN = 1;
export const CLOSING = 2;
const CLOSED = 3;

/** One connection, as the server's end sees it. */
export class ScriptedSocket implements Socket {
  binaryType = "blob";
  readyState: number = OPEN;
  bufferedAmount = 0;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  closed = false;
  readonly query: Record<string, string>;
  readonly commands: Record<string, unknown>[] = [];
  readonly audio: number[] = [];
  /** The id of each `configure` without an answer; `commands` has them without it. */
  readonly asked: string[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    this.query = Object.fromEntries(new URL(url).searchParams);
  }

  send(message: string | Int16Array): void {
    if (this.readyState !== OPEN) throw new Error("WebSocket is already in CLOSING or CLOSED state.");
    if (typeof message !== "string") {
      this.audio.push(...message);
      return;
    }
    const { id, ...command } = JSON.parse(message);
    if (command.type === "configure") this.asked.push(id);
    this.commands.push(command.type === "configure" || id === undefined ? command : { ...command, id });
  }

  /** Answer the `configure` that has waited longest: with its `configured`, or with an error of this code. */
  answer(settings: object | string): void {
    const id = this.asked.shift();
    if (typeof settings === "string") this.say("error", { code: settings, message: "no", id });
    else this.say("configured", { settings, id });
  }

  close(): void {
    this.closed = true;
    this.readyState = CLOSED;
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
    this.readyState = CLOSED;
    this.onclose?.({ code, reason });
  }
}

/** Sockets in the order of their opening; time stands still but for `pass`. */
export class ScriptedWorld implements World {
  base: string | undefined = "https://page.example/";
  nowMs = 0;
  /** Whether timers run as in Chromium's tabs that nobody has looked at for five minutes. */
  isHidden = false;
  #timers: { due: number; call: () => void; nesting: number }[] = [];
  #nesting = 0;
  readonly sockets: ScriptedSocket[] = [];
  readonly waits: number[] = [];
  waiting: () => Promise<void> = async () => undefined;
  readonly wakes = new Set<() => void>();

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

  onWake = (call: () => void): (() => void) => {
    this.wakes.add(call);
    return () => this.wakes.delete(call);
  };

  after = (ms: number, call: () => void): (() => void) => {
    const nesting = this.#nesting + 1;
    // https://developer.chrome.com/blog/timer-throttling-in-chrome-88
    const grain = this.isHidden ? (nesting >= 5 ? 60_000 : 1000) : 1;
    const timer = { due: Math.ceil((this.nowMs + ms) / grain) * grain, call, nesting };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  /** How many timers run. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Let time pass. */
  pass(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ due }) => due <= until).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.nowMs = Math.max(this.nowMs, next.due);
      this.#nesting = next.nesting;
      next.call();
      this.#nesting = 0;
    }
    this.nowMs = until;
  }

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
  readonly refusals: Changes[] = [];
  downs = 0;
  ends: (string | null)[] = [];

  received = (event: ServerEvent | Audio): void => {
    this.events.push(event);
  };
  down = (): void => {
    this.downs++;
  };
  trouble = (error: VoiceError): void => {
    this.troubles.push(error.code);
    if (error.refused !== null) this.refusals.push(error.refused);
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
