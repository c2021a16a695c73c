/** What draws a face: the one place to put another in. */

import type { Pose } from "./pose.js";

/**
 * Draws one face into a stage. `<voice-avatar>` has a drawn one of its own; give it another with
 * `element.renderer = new MyRenderer()`.
 *
 * Every pose is whole: nothing needs to be remembered from one to the next. What a method throws is told as an uncaught
 * error of the page, and costs the face alone; after `mount` has thrown, the others are not called.
 */
export interface Renderer {
  /** Put into the stage, an empty square, what is drawn on; called once before the first `draw`. */
  mount(stage: HTMLElement): void;
  /**
   * Show a pose; called once for each frame of the screen while any of the element is in view.
   *
   * @param nowMs of the frame, on the clock of `performance.now` in the window that shows it.
   */
  draw(pose: Pose, nowMs: number): void;
  /** Take away what was put into the stage. It may be mounted again. */
  unmount(): void;
}
