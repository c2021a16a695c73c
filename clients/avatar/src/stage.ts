/** The square that a renderer draws in, and the screen's frames while the element is in view. */

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

/** Asks for a pose for each frame and has it drawn. What a renderer throws, the page is told, and nothing else fails. */
export class Stage {
  /** The square; nothing but the renderer's own is in it. */
  readonly element: HTMLDivElement;
  readonly #step: (sinceMs: number, calm: boolean) => Moment;
  #renderer: Renderer;
  #isOpen = false;
  #isMounted = false;
  #window = window; // the one that shows it: a page may move it into a frame, or a window of its own
  #frame = 0;
  #resting: number | undefined;
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
    this.#unmount();
    this.#renderer = renderer;
    if (this.#isOpen) this.#mount();
  }

  /**
   * Begin to draw; the page shows the stage.
   *
   * @param whole what the stage is part of: a step is taken for each frame while any of it is in view.
   */
  open(whole: Element): void {
    this.#isOpen = true;
    this.#mount();
    this.#window = whole.ownerDocument.defaultView ?? window;
    this.#calm = this.#window.matchMedia("(prefers-reduced-motion: reduce)");
    this.#run(true);
    const inView = new Set<Element>();
    this.#seen = new this.#window.IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) isIntersecting ? inView.add(target) : inView.delete(target);
      this.#run(inView.size > 0);
    });
    // A whole of `display: contents` is nowhere itself.
    for (const each of [whole, this.element]) this.#seen.observe(each);
  }

  /** Draw no more. */
  close(): void {
    this.#isOpen = false;
    this.#seen?.disconnect();
    this.#run(false);
    this.#unmount();
  }

  /** Something has changed: draw with the next frame, where it would have waited. */
  wake(): void {
    if (this.#resting !== undefined) this.#wait(0);
  }

  #mount(): void {
    this.element.replaceChildren(); // of what one that threw has left
    try {
      this.#renderer.mount(this.element);
      this.#isMounted = true;
    } catch (error) {
      reportError(error);
    }
  }

  #unmount(): void {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    try {
      this.#renderer.unmount();
    } catch (error) {
      reportError(error);
    }
  }

  #run(on: boolean): void {
    this.#window.cancelAnimationFrame(this.#frame);
    this.#window.clearTimeout(this.#resting);
    this.#resting = undefined;
    this.#last = this.#window.performance.now();
    if (on) this.#wait(0);
  }

  /** Draw after so long, or with the next frame. A page that is hidden has no next frame, and draws nothing. */
  #wait(ms: number): void {
    this.#window.clearTimeout(this.#resting);
    this.#resting = ms < 2 * FRAME_MS ? undefined : this.#window.setTimeout(() => this.#wait(0), ms - FRAME_MS);
    if (this.#resting === undefined) this.#frame = this.#window.requestAnimationFrame(this.#draw);
  }

  readonly #draw = (now: number): void => {
    const { pose, restMs } = this.#step(Math.max(0, now - this.#last), this.#calm?.matches ?? false);
    this.#last = now;
    this.#wait(Math.min(restMs, SLOW_MS)); // first, so that a renderer that throws can throw again
    if (this.#isMounted) this.#renderer.draw(pose, now);
  };
}
