/**
 * `@voicesrv/avatar`: the `<voice-avatar>` element. Importing it defines the element.
 *
 * ```html
 * <script type="module">
 *   import "@voicesrv/avatar";
 * </script>
 * <voice-avatar src="https://voice.example.org" captions></voice-avatar>
 * ```
 *
 * Everything public is named here and in `@voicesrv/avatar/react`; what is not is subject to change.
 */

import { VoiceAvatarElement } from "./voice-avatar.js";

export type { ReplyDetail, VoiceAvatarEventMap } from "./avatar-events.js";
export type { LabelChanges, Labels } from "./labels.js";
export {
  ARKIT,
  type MorphTarget,
  MorphTargetRenderer,
  type MorphTargetRendererOptions,
  type MorphTargets,
  OCULUS,
} from "./morph-target-renderer.js";
export { type AvatarState, type Pose, REST } from "./pose.js";
export type { Renderer } from "./renderer.js";
export { SvgRenderer } from "./svg-renderer.js";
export { dominant, VISEMES, type VisemeName, type VisemeWeights } from "./visemes.js";
export { VoiceAvatarElement } from "./voice-avatar.js";

declare global {
  interface HTMLElementTagNameMap {
    "voice-avatar": VoiceAvatarElement;
  }
}

// A server that renders pages has no elements; a page may load two copies of this.
if (globalThis.customElements !== undefined && customElements.get("voice-avatar") === undefined) {
  customElements.define("voice-avatar", VoiceAvatarElement);
}
