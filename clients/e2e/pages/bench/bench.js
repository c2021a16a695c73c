// A page that does nothing but note what a client tells and what is heard of it; tests drive it from outside.

import { microphones, stableParts, VoiceClient } from "/lib/index.js";

const LOCAL = ["state", "phase", "microphone", "level", "speaker", "playing", "played", "error", "audio"];
const WIRE = [
  ...["ready", "configured", "turn.start", "transcript", "turn.eager_end", "turn.resume", "turn.end", "reply.start"],
  ...["reply.text", "tool_call", "audio.start", "words", "visemes", "audio.end", "clear", "reply.end", "latency"],
  ...["flushed", "pong", "warning", "unknown"],
];

/** What was told, in order: `{ type, at, detail }`, `at` in ms of performance.now. */
const log = [];
const bench = {
  log,
  client: null,
  microphones,
  stableParts,
  /** Of every frame of the microphone: ms from its first sample to its being sent. */
  ages: [],
  /** What was heard: blocks of samples, each with the context's time at its start, in seconds. */
  heard: [],

  make(options) {
    const client = new VoiceClient(options);
    bench.client = client;
    for (const type of [...LOCAL, ...WIRE]) {
      client.addEventListener(type, ({ detail }) => {
        const time = client.output?.context.currentTime;
        const { message, code, retryAfterMs, fatal } = detail;
        const told = type === "error" ? { code, message, retryAfterMs, fatal } : detail;
        log.push({
          type,
          at: performance.now(),
          time,
          detail: type === "audio" ? { ...detail, pcm: detail.pcm.slice() } : told,
        });
        if (type === "level") bench.ages.push(client.stats.microphone_age_ms);
      });
    }
    return client;
  },

  /** Record what goes to the speakers, on the audio thread. */
  async tap() {
    const { output } = bench.client;
    await output.context.audioWorklet.addModule("tap.js");
    const tap = new AudioWorkletNode(output.context, "tap");
    tap.port.onmessage = ({ data }) => bench.heard.push(data);
    output.connect(tap).connect(output.context.destination);
  },

  /** Wait until a condition on the page holds. */
  async until(condition, what, ms = 30_000) {
    const giveUpAt = performance.now() + ms;
    while (!condition()) {
      if (performance.now() > giveUpAt) throw new Error(`${what}: not within ${ms} ms; ${bench.summary()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },

  summary() {
    return log
      .filter(({ type }) => !["level", "audio", "played"].includes(type))
      .map(({ type, detail }) => `${type}${type === "error" ? `(${detail.code})` : ""}`)
      .join(" ");
  },

  of: (type) => log.filter((entry) => entry.type === type),

  /** The audio that has arrived, of all replies, without silence at its ends. */
  received() {
    const parts = bench
      .of("audio")
      .map(({ detail }) => Float32Array.from(new Int16Array(detail.pcm.buffer), (n) => n / 32768));
    return trimmed(joined(parts));
  },

  /** What was heard, without silence at its ends. */
  sound: () => trimmed(joined(bench.heard.map(({ samples }) => samples))),

  /** Where what was heard first differs from what had arrived; -1 where every sample came out, once and in order. */
  compare() {
    const received = bench.received();
    const sound = bench.sound();
    const firstOther = received.findIndex((sample, n) => sample !== sound[n]);
    return firstOther < 0 && sound.length > received.length ? received.length : firstOther;
  },

  /** When the last sound was heard that came after a time of the context, in seconds; `time` itself for none. */
  lastSoundAfter(time) {
    const rate = bench.client.output.context.sampleRate;
    for (const { time: start, samples } of bench.heard.toReversed()) {
      const last = samples.findLastIndex((sample) => sample !== 0);
      if (last >= 0) return Math.max(time, start + (last + 1) / rate);
    }
    return time;
  },

  /** Numbers of events that came twice, out of order or not at all, over all of them. */
  misnumbered() {
    const numbers = log.filter(({ detail, type }) => detail.seq && type !== "ready").map(({ detail }) => detail.seq);
    const expected = Array.from({ length: numbers.length }, (_, n) => numbers[0] + n);
    return numbers.filter((number, n) => number !== expected[n]);
  },
};

function joined(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function trimmed(samples) {
  const isLoud = (sample) => sample !== 0;
  return samples.subarray(samples.findIndex(isLoud), samples.findLastIndex(isLoud) + 1);
}

globalThis.bench = bench;

// A test's own scripts count as a gesture, so what is to happen without one is asked for in the address.
const { searchParams } = new URL(location);
if (searchParams.has("say")) {
  const client = bench.make({ url: searchParams.get("server") });
  client.addEventListener("reply.end", () => console.info("said", client.speakerState, client.playing));
  client.addEventListener("playing", ({ detail }) => console.info("heard", client.speakerState, detail.playing));
  await client.connect();
  client.say(searchParams.get("say"));
}
