/** The element's conversation: starting, stopping, what went wrong, and how it stands. */

import { type MicrophoneOptions, type VoiceClient, VoiceError } from "@voicesrv/web";
import type { AvatarState } from "./pose.js";

/** What is needed to tell how it stands. */
export interface Standing {
  client: VoiceClient["state"];
  phase: VoiceClient["phase"];
  isStarting: boolean;
  hasProblem: boolean;
}

/** How it stands, as a person sees it. Pure. */
export function stateOf({ client, phase, isStarting, hasProblem }: Standing): AvatarState {
  if (client === "connecting" || client === "reconnecting" || (isStarting && client === "idle")) return "connecting";
  if (hasProblem) return "problem";
  if (client === "idle") return "off";
  return phase === "off" ? "connecting" : phase;
}

/** Holds a client over its starts and stops. */
export class Conversation {
  /** What went wrong and is still so. */
  problem: VoiceError | null = null;
  readonly #changed: () => void;
  #client: VoiceClient | null = null;
  #listening: AbortController | null = null;
  #isStarting = false;
  #generation = 0; // of the start under way
  #stopping: Promise<void> = Promise.resolve();

  /** @param changed called whenever something here has changed. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get client(): VoiceClient | null {
    return this.#client;
  }

  get state(): AvatarState {
    return stateOf({
      client: this.#client?.state ?? "idle",
      phase: this.#client?.phase ?? "off",
      isStarting: this.#isStarting,
      hasProblem: this.problem !== null,
    });
  }

  /** Whether there is a connection, or one is on its way. */
  get isOn(): boolean {
    return this.#isStarting || (this.#client?.state ?? "idle") !== "idle";
  }

  /** Whether it is only the microphone that is missing. */
  get lacksMicrophone(): boolean {
    return this.isOn && this.problem !== null && isOfMicrophone(this.problem.code);
  }

  /** Take a client, and let go of the one before. @param listen adds what else is to be heard of it. */
  use(client: VoiceClient | null, listen: (client: VoiceClient, signal: AbortSignal) => void): void {
    this.#listening?.abort();
    this.#client = client;
    this.problem = null;
    if (client === null) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const on: VoiceClient["addEventListener"] = (type: string, listener: EventListenerOrEventListenerObject | null) =>
      client.addEventListener(type, listener, { signal });
    on("state", ({ detail }) => {
      if (detail.state === "connected") this.forgive();
      else this.#changed();
    });
    on("phase", ({ detail }) => {
      if (detail.phase === "listening" || detail.phase === "off") this.#changed();
      else this.forgive(); // the conversation goes on
    });
    on("configured", () => this.forgive());
    on("microphone", ({ detail }) => {
      if (detail.state === "on") this.#settled(isOfMicrophone);
      this.#changed();
    });
    on("speaker", () => this.#changed());
    on("error", ({ detail }) => this.#fail(detail));
    listen(client, signal);
  }

  /**
   * Connect where there is no connection, and open the microphone where it is wanted and not open.
   *
   * @param microphone how to open it; null for none.
   * @throws {VoiceError} what `VoiceClient.connect` and `startMicrophone` throw. The connection stays without a
   *   microphone.
   */
  async start(microphone: MicrophoneOptions | null): Promise<void> {
    const client = this.#client;
    if (client === null) throw new VoiceError("not_connected");
    const generation = ++this.#generation;
    this.problem = null;
    this.#isStarting = true;
    this.#changed();
    try {
      await this.#stopping;
      if (generation !== this.#generation) return;
      await client.connect();
      const isWanted = microphone !== null && generation === this.#generation;
      if (isWanted && client.microphone.state !== "on") await client.startMicrophone(microphone);
    } catch (cause) {
      // The address of the server is none.
      const error = cause instanceof VoiceError ? cause : new VoiceError("unreachable", String(cause), { cause });
      if (generation !== this.#generation) return; // stopped meanwhile: nobody waits for it
      this.#isStarting = false;
      client.dispatchEvent(new CustomEvent("error", { detail: error }));
      throw error;
    } finally {
      if (generation === this.#generation) {
        this.#isStarting = false;
        this.#changed();
      }
    }
  }

  /** Hang up, whatever is under way. */
  async stop(): Promise<void> {
    this.#generation++;
    this.#isStarting = false;
    this.problem = null;
    this.#stopping = this.#client?.disconnect() ?? Promise.resolve();
    await this.#stopping;
    this.#changed();
  }

  /** Let what went wrong be past, but a microphone that is still missing. */
  forgive(): void {
    this.#settled((code) => !isOfMicrophone(code));
    this.#changed();
  }

  #fail(error: VoiceError): void {
    this.problem = error;
    this.#changed();
  }

  #settled(isSo: (code: string) => boolean): void {
    if (this.problem !== null && isSo(this.problem.code)) this.problem = null;
  }
}

/** Problems that last until there is a microphone. */
function isOfMicrophone(code: string): boolean {
  return code === "insecure_context" || code.startsWith("microphone_");
}
