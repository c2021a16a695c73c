/** The face of one conversation: what is told of it -> poses, frame by frame. */

import type { VoiceClient } from "@voicesrv/web";
import { Life } from "./life.js";
import { type Heard, LipSync } from "./lip-sync.js";
import { type AvatarState, type Pose, REST } from "./pose.js";

const LOUD = 0.25;
/* RMS of full scale of a microphone that is as loud as is shown; speech is some 0.01 to 0.2. */
const CLOSED = 0.99;
/* How much of the mouth is at rest where no motion of it is seen. */

/** In these it moves quickly only now and then. */
const RESTFUL: ReadonlySet<AvatarState> = new Set(["off", "listening", "problem"]);

/** Follows a client and gives the pose for each frame. */
export class Face {
  /** The pose given last. */
  pose: Readonly<Pose> = REST;
  readonly #lipSync = new LipSync();
  readonly #life: Life;
  #microphone = 0;

  constructor(life: Life = new Life()) {
    this.#life = life;
  }

  /** For how many ms nothing will move but what moves slowly; 0 where each frame counts. */
  get restMs(): number {
    const { state, visemes } = this.pose;
    return RESTFUL.has(state) && visemes.sil > CLOSED ? this.#life.restMs : 0;
  }

  /** Hear what a client tells, until the signal. */
  listen(client: Pick<VoiceClient, "addEventListener">, signal: AbortSignal): void {
    client.addEventListener("ready", ({ detail }) => this.#lipSync.joined(detail.conversation), { signal });
    client.addEventListener("visemes", ({ detail }) => this.#lipSync.add(detail.reply, detail.items), { signal });
    client.addEventListener(
      "level",
      ({ detail }) => {
        this.#microphone = Math.min(1, Math.sqrt(detail.rms / LOUD));
      },
      { signal },
    );
  }

  /** Leave no trace on what is heard, until the next step. */
  letGo(): void {
    this.#lipSync.letGo();
  }

  /**
   * Give the pose for the next frame.
   *
   * @param client what is heard; null for nothing.
   * @param calm the person wants no motion.
   */
  step(client: Heard | null, state: AvatarState, sinceMs: number, calm: boolean): Pose {
    const visemes = this.#lipSync.step(client, sinceMs);
    const level = state === "speaking" ? this.#lipSync.level : state === "hearing" ? this.#microphone : 0;
    this.pose = { state, visemes, level, calm, ...this.#life.step(sinceMs, state, level, calm) };
    return this.pose;
  }
}
