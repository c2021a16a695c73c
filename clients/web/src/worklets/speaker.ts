/** The audio thread's end of the speaker. */

import { JitterBuffer, type Playhead } from "../jitter-buffer.js";
import { Resampler } from "../resampler.js";
import type { Mark, SpeakerCommand } from "./messages.js";

const MARK_S = 0.04;

class SpeakerProcessor extends AudioWorkletProcessor {
  readonly #buffer = new JitterBuffer(sampleRate);
  readonly #resamplers = new Map<number, Resampler>(); // by reply, where the device's rate is another
  #told: Mark | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<SpeakerCommand>) => this.#obey(data);
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const channel = outputs[0]?.[0] as Float32Array; // the node has one output of one channel
    this.#buffer.pull(channel);
    this.#tell(currentTime + channel.length / sampleRate);
    return true;
  }

  #obey(command: SpeakerCommand): void {
    switch (command.type) {
      case "push":
        this.#buffer.push(command.reply, this.#converted(command), command.startMs);
        break;
      case "end":
        for (const reply of command.reply === null ? this.#buffer.replies : [command.reply]) this.#end(reply);
        break;
      case "clear":
        this.#resamplers.delete(command.reply);
        this.#buffer.clear(command.reply);
        break;
      case "reset":
        this.#resamplers.clear();
        this.#buffer.reset();
    }
  }

  #end(reply: number): void {
    const rest = this.#resamplers.get(reply)?.flush();
    if (rest !== undefined) this.#buffer.push(reply, rest);
    this.#resamplers.delete(reply);
    this.#buffer.end(reply);
  }

  #converted({ reply, pcm, sampleRate: rate }: SpeakerCommand & { type: "push" }): Float32Array {
    const samples = Float32Array.from(pcm, (sample) => sample / 32768);
    if (rate === sampleRate) return samples;
    const resampler = this.#resamplers.get(reply) ?? new Resampler(rate, sampleRate);
    this.#resamplers.set(reply, resampler);
    return resampler.feed(samples);
  }

  #tell(at: number): void {
    for (const playhead of this.#buffer.takeFinished()) this.#post(playhead, at);
    const playhead = this.#buffer.playhead;
    if (playhead === null) return;
    const before = this.#told;
    const changed = playhead.reply !== before?.reply || playhead.sounding !== before.sounding;
    if (changed || (playhead.sounding && at - before.at >= MARK_S)) this.#post(playhead, at);
  }

  #post(playhead: Playhead, at: number): void {
    const { underruns, delayMs, waitingMs } = this.#buffer;
    this.#told = { ...playhead, at, underruns, delayMs, waitingMs };
    this.port.postMessage(this.#told);
  }
}

registerProcessor("voicesrv-speaker", SpeakerProcessor);
