/** Reply audio between its uneven arrival and the even pull of a sound device. Pure: its clock is what was pulled. */

export interface JitterBufferOptions {
  /**
   * Lateness of a message, against the earliest one of the reply, that is hidden at first; a reply's start waits so
   * long where its audio comes no faster than it sounds. The default of 66 ms hides ±30 ms, and the 5.3 ms of a
   * block of 128 samples, between which alone it is seen what has arrived.
   */
  delayMs?: number;
  /** After underruns the delay grows up to here; replies without one bring it back. */
  maxDelayMs?: number;
  /** How fast a reply that is cleared falls silent. */
  fadeMs?: number;
  /** Audio that may wait; the oldest is dropped beyond. A page that may not play yet (autoplay) piles it up. */
  maxWaitingMs?: number;
}

/** Where the ear is. */
export interface Playhead {
  reply: number;
  /** Of the reply's audio, taken so far. */
  positionMs: number;
  /** Audio of this reply that is to follow without a gap. */
  aheadMs: number;
  /** Whether it sounds now; false while it waits for more. */
  sounding: boolean;
  /** Whether nothing of it is to come. */
  done: boolean;
}

/** One reply's audio. All counts are samples. */
interface Track {
  reply: number;
  chunks: Float32Array[];
  startMs: number;
  received: number;
  played: number;
  ended: boolean;
  running: boolean;
  dry: boolean;
  hadUnderrun: boolean;
  /** The least of arrival minus position, over the messages since it last waited. */
  earliest: number;
}

const DECAY = 0.97;
/* Each sample of a signal that breaks off is this part of the one before: 5 ms to -32 dB at 24 kHz, and no click. */
const JUMP_MS = 50;
/* More than resampling holds back. */
const RAMP = 64; // samples over which it comes back

/**
 * A queue of replies that something pulls from at the pace of a clock.
 *
 * A reply starts when no message can come too late any more, if its lateness against the earliest one stays under
 * the delay: `earliest arrival + delay` for the first sample. A server that sends ahead of real time, as ours does,
 * makes `earliest` small at once, so such a reply starts with its first messages.
 */
export class JitterBuffer {
  /** How often a reply ran dry in its midst. */
  underruns = 0;
  readonly #perMs: number;
  readonly #leastDelay: number;
  readonly #maxDelay: number;
  readonly #fadeLength: number;
  readonly #maxWaiting: number;
  #delay: number;
  #tracks: Track[] = [];
  #finished: Playhead[] = [];
  #fading: Float32Array = new Float32Array(0);
  #clock = 0;
  #last = 0;
  #ramp = RAMP;

  /** @param sampleRate of what is pushed and pulled, in Hz. */
  constructor(sampleRate: number, options: JitterBufferOptions = {}) {
    this.#perMs = sampleRate / 1000;
    this.#leastDelay = (options.delayMs ?? 66) * this.#perMs;
    this.#maxDelay = (options.maxDelayMs ?? 200) * this.#perMs;
    this.#fadeLength = Math.round((options.fadeMs ?? 8) * this.#perMs);
    this.#maxWaiting = (options.maxWaitingMs ?? 120_000) * this.#perMs;
    this.#delay = this.#leastDelay;
  }

  /** Lateness that is hidden now. */
  get delayMs(): number {
    return this.#delay / this.#perMs;
  }

  /** Audio that waits, of all replies. */
  get waitingMs(): number {
    return this.#tracks.reduce((sum, track) => sum + waiting(track), 0) / this.#perMs;
  }

  /** The reply that is played or about to be; null where there is none. */
  get playhead(): Playhead | null {
    const track = this.#tracks[0];
    return track === undefined ? null : this.#playheadOf(track);
  }

  /** Those that are not played out. */
  get replies(): number[] {
    return this.#tracks.map(({ reply }) => reply);
  }

  /** Replies that were played out or cleared since this was last asked. */
  takeFinished(): Playhead[] {
    return this.#finished.splice(0);
  }

  /**
   * Add audio of a reply.
   *
   * @param startMs where it begins in the reply's audio; left out, where the last piece ended.
   */
  push(reply: number, samples: Float32Array, startMs?: number): void {
    const track = this.#trackOf(reply) ?? this.#begin(reply, startMs ?? 0);
    const jump = startMs === undefined ? 0 : startMs - track.startMs - track.received / this.#perMs;
    const isJump = jump > JUMP_MS; // what lies between was not sent to us
    if (isJump) track.startMs += jump;
    if (track.dry && isJump) track.dry = false;
    if (track.dry) {
      this.underruns++;
      track.hadUnderrun = true;
      track.dry = false;
      this.#delay = Math.min(this.#maxDelay, this.#delay * 1.5);
    }
    track.earliest = Math.min(track.earliest, this.#clock - track.received);
    track.chunks.push(samples);
    track.received += samples.length;
    const excess = waiting(track) - this.#maxWaiting;
    if (excess > 0) this.#take(track, new Float32Array(excess));
  }

  /** Nothing of this reply will follow. */
  end(reply: number): void {
    const track = this.#trackOf(reply);
    if (track !== undefined) track.ended = true;
  }

  /** Drop what waits of a reply; what sounds fades out. */
  clear(reply: number): void {
    const track = this.#trackOf(reply);
    if (track === undefined) return;
    if (track.running) {
      const fading = new Float32Array(Math.min(this.#fadeLength, waiting(track)));
      this.#take(track, fading);
      this.#fading = fading.map((sample, n) => sample * (1 - (n + 1) / fading.length));
    }
    this.#finish(track);
  }

  /** Drop everything. */
  reset(): void {
    for (const track of [...this.#tracks]) this.clear(track.reply);
  }

  /** Fill `out` with what is played next; silence where there is nothing. */
  pull(out: Float32Array): void {
    let filled = this.#pullFading(out);
    while (filled < out.length) {
      const start = this.#nextStart(filled);
      this.#decay(out.subarray(filled, start));
      filled = Math.min(start, out.length);
      const track = this.#tracks[0];
      if (track === undefined || filled === out.length) break;
      track.running = true;
      const target = out.subarray(filled);
      const taken = this.#take(track, target);
      this.#rampUp(target.subarray(0, taken));
      filled += taken;
      this.#last = target[taken - 1] as number;
      if (waiting(track) === 0) this.#ranOut(track);
    }
    this.#clock += out.length;
  }

  /** Where in the block, `filled` or later, there is something to play. */
  #nextStart(filled: number): number {
    for (let track = this.#tracks[0]; track !== undefined; track = this.#tracks[0]) {
      if (waiting(track) > 0) {
        if (track.running || track.ended) return filled;
        return Math.max(filled, Math.ceil(track.earliest + track.played + this.#delay - this.#clock));
      }
      if (!track.ended) break;
      this.#finish(track);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Let what sounded last die away. */
  #decay(out: Float32Array): void {
    for (let n = 0; n < out.length; n++) {
      this.#last = Math.abs(this.#last) < 1e-5 ? 0 : this.#last * DECAY;
      out[n] = this.#last;
    }
  }

  #ranOut(track: Track): void {
    if (track.ended) {
      this.#finish(track);
      return;
    }
    // Whether that was an underrun shows when more comes: its end may be all that is still under way.
    track.running = false;
    track.dry = true;
    track.earliest = Number.POSITIVE_INFINITY;
    this.#ramp = 0;
  }

  #finish(track: Track): void {
    track.running = false;
    this.#finished.push({ ...this.#playheadOf(track), aheadMs: 0, done: true });
    this.#tracks = this.#tracks.filter((each) => each !== track);
    if (!track.hadUnderrun) this.#delay = Math.max(this.#leastDelay, this.#delay * 0.9);
  }

  #pullFading(out: Float32Array): number {
    const part = this.#fading.subarray(0, out.length);
    out.set(part);
    this.#fading = this.#fading.subarray(part.length);
    if (part.length > 0) this.#last = part[part.length - 1] as number;
    return part.length;
  }

  /** Move samples of a track into `out`, as many as there are and fit. */
  #take(track: Track, out: Float32Array): number {
    let taken = 0;
    while (taken < out.length && track.chunks.length > 0) {
      const chunk = track.chunks[0] as Float32Array;
      const part = chunk.subarray(0, out.length - taken);
      out.set(part, taken);
      taken += part.length;
      if (part.length < chunk.length) track.chunks[0] = chunk.subarray(part.length);
      else track.chunks.shift();
    }
    track.played += taken;
    return taken;
  }

  #rampUp(samples: Float32Array): void {
    for (let n = 0; n < samples.length && this.#ramp < RAMP; n++) {
      samples[n] = (samples[n] as number) * (this.#ramp++ / RAMP);
    }
  }

  #begin(reply: number, startMs: number): Track {
    const track: Track = {
      reply,
      chunks: [],
      startMs,
      received: 0,
      played: 0,
      ended: false,
      running: false,
      dry: false,
      hadUnderrun: false,
      earliest: Number.POSITIVE_INFINITY,
    };
    for (const each of this.#tracks) each.ended = true; // replies follow one another, whatever was told of their ends
    this.#tracks.push(track);
    return track;
  }

  #trackOf(reply: number): Track | undefined {
    return this.#tracks.find((track) => track.reply === reply);
  }

  #playheadOf(track: Track): Playhead {
    return {
      reply: track.reply,
      positionMs: track.startMs + track.played / this.#perMs,
      aheadMs: waiting(track) / this.#perMs,
      sounding: track.running,
      done: false,
    };
  }
}

function waiting(track: Track): number {
  return track.received - track.played;
}
