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

/** What can be wrong at a time. A part that is missing stays so, however the conversation goes on. */
type Subject = "connection" | "microphone" | "sound";

/** How it stands, as a person sees it. Pure. */
export function stateOf({ client, phase, isStarting, hasProblem }: Standing): AvatarState {
  if (client === "connecting" || client === "reconnecting" || (isStarting && client === "idle")) return "connecting";
  if (hasProblem) return "problem";
  if (client === "idle") return "off";
  return phase === "off" ? "connecting" : phase;
}

/** Holds a client over its starts and stops. */
export class Conversation {
  readonly #problems = new Map<Subject, VoiceError>(); // the latest last
  readonly #changed: () => void;
  #client: VoiceClient | null = null;
  #microphone: MicrophoneOptions | null = null; // how it is to be open; null where none is wanted
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

  /** What went wrong last and is still so. */
  get problem(): VoiceError | null {
    return [...this.#problems.values()].at(-1) ?? null;
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

  /** Whether it goes on without a microphone or without sound. */
  get lacksPart(): boolean {
    return this.isOn && (this.#problems.has("microphone") || this.#problems.has("sound"));
  }

  /** Take a client, and let go of the one before. @param listen adds what else is to be heard of it. */
  use(client: VoiceClient | null, listen: (client: VoiceClient, signal: AbortSignal) => void): void {
    this.#listening?.abort();
    this.#client = client;
    this.#generation++; // a start of the one before is none of this one's
    this.#microphone = null;
    this.#isStarting = false;
    this.#problems.clear();
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
      if (detail.state === "on") this.#problems.delete("microphone");
      this.#changed();
    });
    on("speaker", ({ detail }) => {
      if (detail.state !== "off") this.#problems.delete("sound");
      this.#changed();
    });
    on("error", ({ detail }) => {
      const isKnown = [...this.#problems.values()].includes(detail); // it is told from here
      if (!isKnown) this.#fail(subjectOf(detail.code), detail);
    });
    listen(client, signal);
  }

  /**
   * Connect where there is no connection, and open what is missing: the microphone, where it is wanted, and the speaker.
   *
   * @param microphone how to open it; null for none.
   * @throws {VoiceError} what `VoiceClient.connect` and `startMicrophone` throw. The connection stays without a
   *   microphone.
   */
  async start(microphone: MicrophoneOptions | null): Promise<void> {
    const client = this.#client;
    if (client === null) throw new VoiceError("not_connected");
    const generation = ++this.#generation;
    const isCurrent = (): boolean => generation === this.#generation; // else stopped meanwhile: nobody waits for it
    this.#microphone = microphone;
    const wasSilent = this.#problems.has("sound");
    this.#problems.clear();
    this.#isStarting = true;
    this.#changed();
    let subject: Subject = "connection";
    try {
      await this.#stopping;
      if (!isCurrent()) return;
      await connect(client);
      // Not awaited, as it settles only when the browser allows sound.
      if (isCurrent() && wasSilent) {
        client.startSpeaker().catch((error) => isCurrent() && this.#tell(client, "sound", error));
      }
      subject = "microphone";
      const wanted = isCurrent() ? this.#microphone : null; // which may be another one by now
      if (wanted !== null && client.microphone.state !== "on") await client.startMicrophone(wanted);
    } catch (error) {
      if (!isCurrent()) return;
      this.#isStarting = false;
      this.#tell(client, subject, error as VoiceError);
      throw error;
    } finally {
      if (isCurrent()) {
        this.#isStarting = false;
        this.#changed();
      }
    }
  }

  /**
   * Have the microphone open so from here on. One that is on, or on its way, is changed at once; where that fails, it
   * is told, and the conversation goes on with the one before.
   */
  async switchMicrophone(options: MicrophoneOptions): Promise<void> {
    const client = this.#client;
    if (client === null || this.#microphone === null) return;
    if (JSON.stringify(options) === JSON.stringify(this.#microphone)) return; // as frameworks set it
    this.#microphone = options;
    if (client.microphone.state === "off") return;
    try {
      await client.startMicrophone(options);
      if (options === this.#microphone) this.forgive();
    } catch (error) {
      if (options !== this.#microphone) return; // stopped, or changed again
      this.#tell(client, client.microphone.state === "on" ? "connection" : "microphone", error as VoiceError);
    }
  }

  /**
   * Wait for what is under way, a stop and a start after it, and say whether there is a connection then.
   *
   * @throws {VoiceError} it did not come about.
   */
  async settled(): Promise<boolean> {
    await this.#stopping;
    if (this.#client === null || !this.isOn) return false;
    if (this.#client.state === "idle" || this.#client.state === "connecting") await connect(this.#client);
    return true;
  }

  /** Hang up, whatever is under way. */
  async stop(): Promise<void> {
    this.#generation++;
    this.#microphone = null;
    this.#isStarting = false;
    this.#problems.clear();
    this.#stopping = this.#client?.disconnect() ?? Promise.resolve();
    await this.#stopping;
    this.#changed();
  }

  /** Let what went wrong be past, but a part that is still missing. */
  forgive(): void {
    this.#problems.delete("connection");
    this.#changed();
  }

  /** Say what failed here, as the client says the rest. */
  #tell(client: VoiceClient, subject: Subject, error: VoiceError): void {
    this.#fail(subject, error);
    client.dispatchEvent(new CustomEvent("error", { detail: error }));
  }

  #fail(subject: Subject, error: VoiceError): void {
    this.#problems.delete(subject);
    this.#problems.set(subject, error);
    this.#changed();
  }
}

/** What an error that a client tells by itself is about; of a microphone that it cannot open, who opens it is told. */
function subjectOf(code: string): Subject {
  if (code === "audio" || code === "insecure_context") return "sound";
  return code.startsWith("microphone_") ? "microphone" : "connection";
}

/** @throws {VoiceError} also for a mistake of the page's, such as an address that is none, in the client's words. */
async function connect(client: VoiceClient): Promise<void> {
  try {
    await client.connect();
  } catch (cause) {
    throw cause instanceof VoiceError ? cause : new VoiceError("bad_parameter", (cause as Error).message, { cause });
  }
}
