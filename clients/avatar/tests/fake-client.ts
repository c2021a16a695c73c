/** A client that does what a test says, in place of a server, a microphone and speakers. */

import type { VoiceClient, VoiceClientEventMap } from "@voicesrv/web";

/** What of a `VoiceClient` the element uses; calls are noted. */
export class FakeClient extends EventTarget {
  state: VoiceClient["state"] = "idle";
  phase: VoiceClient["phase"] = "off";
  playing = 0;
  played: number | null = null;
  output: GainNode | null = null;
  speakerState: VoiceClient["speakerState"] = "on";
  session = null;
  settings: VoiceClient["settings"] = {};
  microphone: VoiceClient["microphone"] = {
    ...{ state: "off", muted: false, silenced: false, label: "", deviceId: undefined },
  };
  calls: unknown[][] = [];
  /** What the next `connect`, `startMicrophone` or `startSpeaker` fails with. */
  connectError: Error | null = null;
  microphoneError: Error | null = null;
  speakerError: Error | null = null;
  /** What `connect` waits for. */
  gate: Promise<void> = Promise.resolve();
  /** What `disconnect` waits for; until then it looks connected. */
  farewell: Promise<void> | null = null;

  /** The same, for those who want the real one. */
  get real(): VoiceClient {
    return this as unknown as VoiceClient;
  }

  tell<K extends keyof VoiceClientEventMap>(type: K, detail: object): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  enter(state: VoiceClient["state"], phase: VoiceClient["phase"] = state === "connected" ? "listening" : "off"): void {
    const previous = this.state;
    this.state = state;
    if (previous !== state) this.tell("state", { state, previous });
    this.turnTo(phase);
  }

  turnTo(phase: VoiceClient["phase"]): void {
    const previous = this.phase;
    this.phase = phase;
    if (previous !== phase) this.tell("phase", { phase, previous });
  }

  async connect(): Promise<void> {
    this.calls.push(["connect"]);
    if (this.state === "connected") return;
    this.enter("connecting");
    await this.gate;
    if (this.connectError !== null) {
      this.enter("idle");
      throw this.connectError;
    }
    this.enter("connected");
  }

  async disconnect(): Promise<void> {
    this.calls.push(["disconnect"]);
    this.hear("off");
    if (this.farewell !== null) await this.farewell;
    this.enter("idle");
  }

  async startMicrophone(options: unknown): Promise<void> {
    this.calls.push(["startMicrophone", options]);
    if (this.microphoneError !== null) throw this.microphoneError;
    this.hear("on");
  }

  async startSpeaker(): Promise<void> {
    this.calls.push(["startSpeaker"]);
    if (this.speakerError !== null) throw this.speakerError;
    this.tell("speaker", { state: "on" });
  }

  hear(state: VoiceClient["microphone"]["state"]): void {
    this.microphone = { ...this.microphone, state };
    this.tell("microphone", this.microphone);
  }

  playedMs(): number | null {
    return this.played;
  }

  #note =
    (name: string) =>
    (...given: unknown[]): void =>
      void this.calls.push([name, ...given]);
  mute = this.#note("mute");
  setPushToTalk = this.#note("setPushToTalk");
  startTalking = this.#note("startTalking");
  stopTalking = this.#note("stopTalking");
  configure = this.#note("configure");
  say = this.#note("say");
  sendText = this.#note("sendText");
  cancel = this.#note("cancel");
}
