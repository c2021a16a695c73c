/**
 * `@voicesrv/web`: talk to a voicesrv from a web page.
 *
 * ```ts
 * const client = new VoiceClient({ url: "https://voice.example.org" });
 * client.addEventListener("transcript", ({ detail }) => showUser(detail.text));
 * client.addEventListener("reply.text", ({ detail }) => showAgent(detail.delta));
 * client.addEventListener("error", ({ detail }) => showProblem(detail)); // on the way
 *
 * button.onclick = async () => {
 *   try {
 *     await client.connect();
 *     await client.startMicrophone();
 *   } catch (error) {
 *     showProblem(error); // these throw; `message` is a sentence for people
 *   }
 * };
 * ```
 *
 * Everything public is named here; what is not is subject to change.
 */

export type { WorkletName } from "./audio.js";
export type { Level } from "./capture.js";
export type { ClientState, Stats, VoiceClientEventMap } from "./client-events.js";
export type { Session, Upkeep, VoiceClientOptions } from "./client-options.js";
export { type ErrorCode, VoiceError } from "./errors.js";
export {
  type AudioEnd,
  type AudioStart,
  type Clear,
  type Configured,
  type Flushed,
  type Latency,
  type Pong,
  type Ready,
  type ReplyEnd,
  type ReplyStart,
  type ReplyText,
  type ServerEvent,
  type ServerWarning,
  stableParts,
  type ToolCall,
  type Transcript,
  type TurnEagerEnd,
  type TurnEnd,
  type TurnResume,
  type TurnStart,
  type Unknown,
  type Viseme,
  type Visemes,
  type Word,
  type Words,
} from "./events.js";
export { type MicrophoneOptions, type MicrophoneState, microphones } from "./microphone.js";
export type { Unconfirmed } from "./outgoing.js";
export type { Phase } from "./phase.js";
export type { Audio } from "./protocol.js";
export type { Changes, Settings, Tool } from "./settings.js";
export type { SpeakerState } from "./speaker.js";
export { VoiceClient } from "./voice-client.js";
