/** Whatever breaks, in any order: all that is given arrives, once, in order, in its place in the audio. */

import { expect, test } from "vitest";
import { UPKEEP } from "../src/client-options.js";
import { Link } from "../src/link.js";
import { Wishes } from "../src/wishes.js";
import { CLOSING, type ScriptedSocket, ScriptedWorld, settled, Told } from "./scripted.js";

interface Said {
  what: string;
  /** Samples before it; null for what has no place in the audio. */
  at: number | null;
}

/** Linear congruential, of Numerical Recipes. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Counts as the server does; what is on its way when a connection breaks is lost. */
class Far {
  readonly said: Said[] = [];
  audio: number[] = [];
  messages = 0;
  #onTheWay: (string | Int16Array)[] = [];

  take(socket: ScriptedSocket): void {
    const refuse = socket.send.bind(socket);
    socket.send = (message) => {
      if (socket.readyState !== 1) refuse(message);
      this.#onTheWay.push(message);
    };
    this.audio.length -= this.audio.length % 16; // whole ms are counted
    socket.ready({ received_ms: this.audio.length / 16, received_messages: this.messages });
  }

  arrive(n = this.#onTheWay.length): void {
    for (const message of this.#onTheWay.splice(0, n)) {
      if (typeof message !== "string") {
        this.audio.push(...message);
        continue;
      }
      this.messages++;
      const { type, text } = JSON.parse(message);
      if (type === "text") this.said.push({ what: text, at: this.audio.length });
      if (type === "speak") this.said.push(...text.match(/<\d+>/g).map((what: string) => ({ what, at: null })));
    }
  }

  lose(): void {
    this.#onTheWay = [];
  }
}

class Run {
  readonly world = new ScriptedWorld();
  readonly far = new Far();
  readonly given: Said[] = [];
  samples = 0;
  #sockets = 0;
  #socket!: ScriptedSocket;
  readonly #random: () => number;
  readonly #link: Link;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    const to = { url: "/", token: async () => undefined, wishes: new Wishes() };
    const patient = { ...UPKEEP, giveUpMs: 1e9, pongMs: 1e9, keepaliveMs: 3000 };
    this.#link = new Link(to, null, new Told(), this.world, patient);
  }

  async all(steps: number): Promise<void> {
    const opening = this.#link.open();
    await this.#connect();
    await opening;
    for (let n = 0; n < steps; n++) await this.#step();
    if (this.#socket.readyState === CLOSING) await this.#drop();
    for (let n = 0; n < 300; n++) {
      this.world.pass(100);
      this.far.arrive();
    }
  }

  #upTo(n: number): number {
    return Math.floor(this.#random() * (n + 1));
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.3) this.#hear();
    else if (dice < 0.5) this.#say("text");
    else if (dice < 0.6) this.#say("speak");
    else if (dice < 0.65) this.#link.sendIfUp({ type: "playback", reply: 1, played_ms: 1 });
    else if (dice < 0.77) this.world.pass(this.#upTo(400));
    else if (dice < 0.93) this.far.arrive(this.#upTo(10));
    else if (dice < 0.96) this.#socket.readyState = CLOSING;
    else await this.#drop();
  }

  #hear(): void {
    const samples = Int16Array.from({ length: 16 * this.#upTo(40) }, (_, n) => (this.samples + n) % 32_000);
    this.samples += samples.length;
    this.#link.sendAudio(samples);
  }

  #say(type: "text" | "speak"): void {
    const what = `<${this.given.length}>`;
    const command = type === "text" ? ({ type, text: what } as const) : ({ type, text: what, flush: false } as const);
    if (this.#link.offer(command)) this.given.push({ what, at: type === "text" ? this.samples : null });
  }

  async #drop(): Promise<void> {
    this.far.arrive(this.#upTo(10));
    this.far.lose();
    let tryAgain = (): void => undefined;
    this.world.waiting = () => new Promise((resolve) => (tryAgain = resolve));
    this.#socket.drop();
    await settled();
    for (let n = this.#upTo(5); n > 0; n--) {
      this.#say("text");
      this.#hear();
    }
    tryAgain();
    await this.#connect();
  }

  async #connect(): Promise<void> {
    this.#socket = await this.world.socket(this.#sockets++);
    this.far.take(this.#socket);
    await settled();
  }
}

test.each(Array.from({ length: 60 }, (_, seed) => seed))("seed %i", async (seed) => {
  const run = new Run(seed);
  await run.all(300);
  expect(run.world.sockets.length).toBeGreaterThan(1);
  const of = (said: Said[], placed: boolean) => said.filter(({ at }) => (at !== null) === placed);
  for (const placed of [true, false]) expect(of(run.far.said, placed)).toEqual(of(run.given, placed));
  expect(run.far.audio).toEqual(Array.from({ length: run.samples }, (_, n) => n % 32_000));
});
