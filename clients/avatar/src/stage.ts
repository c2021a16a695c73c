/** The square that a renderer draws in, and the screen's frames while it is in view. */

import type { Pose } from "./pose.js";
import type { Renderer } from "./renderer.js";

/** What to draw, and for how many ms nothing will move quickly. */
export interface Moment {
  pose: Pose;
  restMs: number;
}

const SLOW_MS = 100;
/* Between frames of what moves slowly: breath and sway go less than a pixel in it, on a face of 320. */
const FRAME_MS = 17;

/** Asks for a pose for each frame and has it drawn. */
export class Stage {
  /** The square; nothing but the renderer's own is in it. */
  readonly element: HTMLDivElement;
  readonly #step: (sinceMs: number, calm: boolean) => Moment;
  #renderer: Renderer;
  #isMounted = false;
  #frame = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #last = 0;
  #seen: IntersectionObserver | null = null;
  #calm: MediaQueryList | null = null;

  /** @param step gives what to draw so long after the frame before. */
  constructor(element: HTMLDivElement, renderer: Renderer, step: (sinceMs: number, calm: boolean) => Moment) {
    this.element = element;
    this.#renderer = renderer;
    this.#step = step;
  }

  get renderer(): Renderer {
    return this.#renderer;
  }

  set renderer(renderer: Renderer) {
    if (renderer === this.#renderer) return;
    if (this.#isMounted) this.#renderer.unmount();
    this.#renderer = renderer;
    if (this.#isMounted) renderer.mount(this.element);
  }

  /** Begin to draw; the page shows the stage. */
  open(): void {
    this.#isMounted = true;
    this.#renderer.mount(this.element);
    this.#calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.#run(true);
    this.#seen = new IntersectionObserver((entries) => this.#run(entries.at(-1)?.isIntersecting ?? true));
    this.#seen.observe(this.element);
  }

  /** Draw no more. */
  close(): void {
    this.#seen?.disconnect();
    this.#run(false);
    if (this.#isMounted) this.#renderer.unmount();
    this.#isMounted = false;
  }

  /** Something has changed: draw with the next frame, where it would have waited. */
  wake(): void {
    if (this.#resting !== undefined) this.#wait(0);
  }

  #run(on: boolean): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#resting);
    this.#resting = undefined;
    this.#last = performance.now();
    if (on) this.#wait(0);
  }

  /** Draw after so long, or with the next frame. A page that is hidden has no next frame, and draws nothing. */
  #wait(ms: number): void {
    clearTimeout(this.#resting);
    this.#resting = ms < 2 * FRAME_MS ? undefined : setTimeout(() => this.#wait(0), ms - FRAME_MS);
    if (this.#resting === undefined) this.#frame = requestAnimationFrame(this.#draw);
  }

  readonly #draw = (now: number): void => {
    const { pose, restMs } = this.#step(Math.max(0, now - this.#last), this.#calm?.matches ?? false);
    this.#last = now;
    this.#wait(Math.min(restMs, SLOW_MS)); // first, so that a renderer that throws can throw again
    this.#renderer.draw(pose, now);
  };
}
