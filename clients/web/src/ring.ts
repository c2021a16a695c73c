/** What the microphone said last, kept so that a resumed connection can be told again. Pure. */

const PER_MS = 16; // samples
const LEAST_MS = 100;
/* All audio is sent from here, and waits some 50 ms behind commands that keep to the server's rate. */

/**
 * The last seconds of 16 kHz input audio and how far they have been handed to the connection.
 *
 * Positions count samples since the start of the conversation.
 */
export class MicrophoneRing {
  readonly #data: Int16Array<ArrayBuffer>;
  #end = 0; // position after the last sample kept
  #cursor = 0; // position of the first sample not yet handed on
  #origin = 0; // position of the first sample that the server counts from

  /** @param keepMs how much to keep, 100 at least; older audio is dropped. */
  constructor(keepMs = 30_000) {
    this.#data = new Int16Array(Math.max(keepMs, LEAST_MS) * PER_MS);
  }

  /** Position of the first sample kept; a restart forgets by moving it. */
  get #start(): number {
    return Math.max(this.#end - this.#data.length, this.#forgotten);
  }
  #forgotten = 0;

  /** Take audio from the microphone, any number of samples. */
  append(samples: Int16Array): void {
    const kept = samples.subarray(Math.max(0, samples.length - this.#data.length));
    const place = (this.#end + samples.length - kept.length) % this.#data.length;
    const fits = Math.min(kept.length, this.#data.length - place);
    this.#data.set(kept.subarray(0, fits), place);
    this.#data.set(kept.subarray(fits), 0);
    this.#end += samples.length;
  }

  /** Position of the first sample that was not handed on. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Position after the last sample given. */
  get end(): number {
    return this.#end;
  }

  /**
   * Give audio that was not handed on yet, and count it as handed on.
   *
   * @param until a position to stop at.
   * @param limit samples at most.
   */
  pending(until = Number.POSITIVE_INFINITY, limit = 16_000): Int16Array<ArrayBuffer> {
    const gap = this.#start - this.#cursor;
    if (gap > 0) {
      this.#origin += gap; // the server's count leaves the gap out
      this.#cursor += gap;
    }
    const chunk = new Int16Array(Math.max(0, Math.min(limit, until - this.#cursor, this.#end - this.#cursor)));
    const place = this.#cursor % this.#data.length;
    const first = this.#data.subarray(place, place + chunk.length);
    chunk.set(first);
    chunk.set(this.#data.subarray(0, chunk.length - first.length), first.length);
    this.#cursor += chunk.length;
    return chunk;
  }

  /**
   * Go back to what the server has; what comes after it is pending again.
   *
   * @returns ms of audio that neither side has any more; 0 where nothing is lost.
   */
  rewind(receivedMs: number): number {
    const position = this.#origin + receivedMs * PER_MS;
    const lost = Math.max(0, this.#start - position);
    this.#origin += lost;
    this.#cursor = Math.min(position + lost, this.#end);
    return Math.floor(lost / PER_MS);
  }

  /** Let the server's count, which stands at `receivedMs`, go on with the first sample that is pending. */
  begin(receivedMs: number): void {
    this.#origin = this.#cursor - receivedMs * PER_MS;
  }

  /**
   * Begin a new conversation, in which the server has `receivedMs` from others already.
   *
   * Audio that is kept is dropped: it belongs to a turn that the new conversation knows nothing of.
   */
  restart(receivedMs = 0): void {
    this.#forgotten = this.#end;
    this.#cursor = this.#end;
    this.begin(receivedMs);
  }
}
