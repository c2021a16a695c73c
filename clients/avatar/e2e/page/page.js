// A page with an avatar that notes what it shows and what is heard of it; tests drive it from outside.

import { dominant, SvgRenderer } from "/avatar/voice-avatar.js";

const EVENTS = ["state", "client", "transcript", "turn", "reply", "toolcall", "error"];

const bench = {
  avatar: null,
  /** What the element told, in order: `{ type, detail }`. */
  log: [],
  /** What was drawn: the moment in ms of performance.now and on the audio clock in s, the shape, how open. */
  drawn: [],
  /** What was heard: blocks of samples, each with the context's time at its start, in seconds. */
  heard: [],
  /** Of each reply, what the server sent: its audio, and mouth shapes. */
  audio: [],
  visemes: [],

  make(attributes = {}, properties = {}) {
    const avatar = document.createElement("voice-avatar");
    for (const [name, value] of Object.entries(attributes)) avatar.setAttribute(name, value);
    Object.assign(avatar, properties);
    avatar.renderer = new NotingRenderer();
    for (const type of EVENTS) {
      avatar.addEventListener(type, ({ detail }) => {
        bench.log.push({ type, detail: type === "error" ? { code: detail.code, message: detail.message } : detail });
        if (type === "client") watch(detail);
      });
    }
    bench.avatar = avatar;
    document.querySelector("main").append(avatar);
    return avatar;
  },

  /** Record what goes to the speakers, on the audio thread. */
  async tap() {
    const { output } = bench.avatar.client;
    await output.context.audioWorklet.addModule("/pages/bench/tap.js");
    const tap = new AudioWorkletNode(output.context, "tap");
    tap.port.onmessage = ({ data }) => bench.heard.push(data);
    output.connect(tap).connect(output.context.destination);
  },

  part: (name) => bench.avatar.shadowRoot.querySelector(`[part~="${name}"]`),
  text: (name) => bench.part(name)?.textContent ?? "",

  /** Wait until a condition on the page holds. */
  async until(condition, what, ms = 30_000) {
    const giveUpAt = performance.now() + ms;
    while (!condition()) {
      if (performance.now() > giveUpAt) {
        throw new Error(`${what}: not within ${ms} ms; ${JSON.stringify(bench.log).slice(0, 2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },

  /** Start a reply and wait until all of it was heard. */
  async hear(text) {
    const { avatar } = bench;
    await avatar.say("Ready.");
    await bench.until(() => avatar.client.output !== null && avatar.client.playing > 0, "sound");
    await bench.tap();
    await bench.until(() => avatar.client.playing === 0, "the first end");
    bench.drawn.length = bench.heard.length = bench.audio.length = bench.visemes.length = 0;
    await avatar.say(text);
    await bench.until(() => avatar.client.playing > 0, "the reply");
    await bench.until(() => avatar.client.playing === 0, "its end", 90_000);
    const { context } = avatar.client.output;
    return {
      drawn: bench.drawn,
      visemes: bench.visemes,
      sampleRate: context.sampleRate,
      latencyMs: avatar.client.stats.output_latency_ms,
      underruns: avatar.client.stats.underruns,
      ...bench.found(),
    };
  },

  /** When the reply's first sample left for the speakers, in s of the context; and how much of it was as sent. */
  found() {
    const sent = bench.audio.flatMap((pcm) => [...new Int16Array(pcm.slice().buffer)].map((n) => n / 32768));
    const first = sent.findIndex((sample) => sample !== 0);
    const rate = bench.avatar.client.output.context.sampleRate;
    const block = bench.heard.findIndex(({ samples }) => samples.some((sample) => sample !== 0));
    const offset = bench.heard[block].samples.findIndex((sample) => sample !== 0);
    const played = bench.heard
      .slice(block)
      .flatMap(({ samples }) => [...samples])
      .slice(offset);
    const wrong = sent.slice(first).findIndex((sample, n) => sample !== played[n]);
    return { startsAt: bench.heard[block].time + (offset - first) / rate, samples: sent.length, wrong };
  },

  /** Loudness of what was heard, in RMS of full scale: [time of the context in s, RMS] of each 20 ms. */
  loudness() {
    const rate = bench.avatar.client.output.context.sampleRate;
    const samples = bench.heard.flatMap((block) => [...block.samples]);
    const step = rate / 50;
    return Array.from({ length: Math.floor(samples.length / step) }, (_, n) => {
      const part = samples.slice(n * step, (n + 1) * step);
      return [bench.heard[0].time + n / 50, Math.sqrt(part.reduce((sum, sample) => sum + sample ** 2, 0) / step)];
    });
  },
};

function watch(client) {
  client.addEventListener("audio", ({ detail }) => bench.audio.push(detail.pcm.slice()));
  client.addEventListener("visemes", ({ detail }) => bench.visemes.push(...detail.items));
}

class NotingRenderer extends SvgRenderer {
  draw(pose, now) {
    const startedMs = performance.now();
    super.draw(pose, now);
    const time = bench.avatar.client?.output?.context.currentTime ?? null;
    const open = 1 - pose.visemes.sil;
    const drawMs = performance.now() - startedMs;
    bench.drawn.push({ now, atMs: performance.now(), time, shape: dominant(pose.visemes), open, drawMs });
  }
}

globalThis.bench = bench;

// Said without the hand of a test, which browsers take for a gesture.
const asked = new URLSearchParams(location.search);
if (asked.has("say")) {
  bench.make({ src: asked.get("server"), "no-microphone": "" });
  bench.avatar.say(asked.get("say"));
}
