/** As much of Web Audio as a speaker touches; a test moves its clock and speaks for its audio thread. */

import { vi } from "vitest";
import type { Mark, SpeakerCommand } from "../src/worklets/messages.js";

export class FakeContext extends EventTarget {
  static last: FakeContext;
  state = "suspended";
  currentTime = 0;
  outputLatency = 0.03;
  baseLatency = 0.01;
  destination = {};
  onstatechange: (() => void) | null = null;
  readonly audioWorklet = { addModule: async () => undefined };
  constructor(readonly options: AudioContextOptions) {
    super();
    FakeContext.last = this;
  }
  allow(): void {
    this.state = "running";
    this.onstatechange?.();
  }
  resume = vi.fn(async () => undefined);
  close = vi.fn(async () => undefined);
  setSinkId = vi.fn(async (_deviceId: string) => undefined);
}

export class FakeGain {
  static last: FakeGain; // the last made, and the nearest to the speakers
  readonly gain: { value: number; setTargetAtTime(value: number, at: number, constant: number): void };
  constructor(
    readonly context: FakeContext,
    { gain = 1 } = {},
  ) {
    FakeGain.last = this;
    this.gain = { value: gain, setTargetAtTime: (value) => (this.gain.value = value) };
  }
  connect = (to: unknown) => to;
}

export class FakeNode {
  static last: FakeNode;
  readonly commands: SpeakerCommand[] = [];
  readonly port = {
    onmessage: null as ((event: { data: Mark }) => void) | null,
    postMessage: (command: SpeakerCommand) => this.commands.push(command),
  };
  constructor() {
    FakeNode.last = this;
  }
  connect = (to: unknown) => to;
}
