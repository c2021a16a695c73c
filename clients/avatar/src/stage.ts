/** The square that a renderer draws in, and the screen's frames while it is in view. */

import type { Pose } from "./pose.js";
import type { Renderer } from "./renderer.js";

/** Asks for a pose for each frame and has it drawn. */
export class Stage {
  /** The square; nothing but the renderer's own is in it. */
  readonly element: HTMLDivElement;
  readonly #pose: (sinceMs: number, calm: boolean) => Pose;
  #renderer: Renderer;
  #isMounted = false;
  #frame = 0;
  #last = 0;
  #seen: IntersectionObserver | null = null;
  #calm: MediaQueryList | null = null;

  /** @param pose gives that for a frame, so long after the frame before. */
  constructor(element: HTMLDivElement, renderer: Renderer, pose: (sinceMs: number, calm: boolean) => Pose) {
    this.element = element;
    this.#renderer = renderer;
    this.#pose = pose;
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

  #run(on: boolean): void {
    cancelAnimationFrame(this.#frame);
    this.#last = performance.now();
    if (on) this.#frame = requestAnimationFrame(this.#draw);
  }

  readonly #draw = (now: number): void => {
    this.#frame = requestAnimationFrame(this.#draw); // first, so that a renderer that throws can throw again
    const pose = this.#pose(Math.max(0, now - this.#last), this.#calm?.matches ?? false);
    this.#last = now;
    this.#renderer.draw(pose, now);
  };
}
