/** A line chart over time, in the page's colours. */

import "./locale.js";
import uPlot from "uplot";
import { h } from "../shared/dom.js";
import { shownSpan } from "./format.js";

/** One line. */
export interface Line {
  name: string;
  /** A custom property of the style sheet. */
  color: `--${string}`;
}

const HEIGHT = 180;

/** Draws lines into a figure; its caption says in words what they end with. */
export class Chart {
  readonly #lines: readonly Line[];
  readonly #format: (value: number | null) => string;
  readonly #place = h("div", { className: "plot" });
  readonly #latest: HTMLElement[];
  #plot: uPlot | null = null;
  #data: uPlot.AlignedData = [[]];

  /** @param format of a value, for the axis and the caption. */
  constructor(figure: HTMLElement, title: string, lines: readonly Line[], format: (value: number | null) => string) {
    this.#lines = lines;
    this.#format = format;
    this.#latest = lines.map(() => h("b"));
    const legend = lines.map(({ name, color }, n) => {
      const item = h("span", { className: "line" }, `${name} `, this.#latest[n]);
      item.style.setProperty("--line-color", `var(${color})`);
      return item;
    });
    figure.append(h("figcaption", {}, h("h2", {}, title), h("p", {}, ...legend)), this.#place);
    this.#place.setAttribute("aria-hidden", "true"); // the caption says it
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#build());
    new ResizeObserver(() => this.#resize()).observe(this.#place);
  }

  /**
   * @param times seconds since 1970.
   * @param values of each line, as many as there are times.
   */
  show(times: number[], values: (number | null)[][]): void {
    this.#data = [times, ...values] as uPlot.AlignedData;
    for (const [n, element] of this.#latest.entries()) element.textContent = this.#format(values[n]?.at(-1) ?? null);
    if (this.#plot === null) this.#build();
    this.#plot?.setData(this.#data);
  }

  #build(): void {
    this.#plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: color("--soft"),
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
      font: `12px ${color("--sans")}`,
    };
    const options: uPlot.Options = {
      width: this.#place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: () => shownSpan(this.#data[0]) },
        y: { range: (_, __, max) => [0, Math.max(max * 1.15, this.#least)] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 30, space: 70, values: clock },
        { ...axis, size: 56, space: 36, values: (_, ticks) => ticks.map((tick) => this.#format(tick)) },
      ],
      series: [
        {},
        ...this.#lines.map(
          ({ name, color: property }): uPlot.Series => ({
            label: name,
            stroke: color(property),
            fill: `${color(property)}1c`,
            width: 2,
            spanGaps: false,
            points: { show: false },
          }),
        ),
      ],
    };
    this.#plot = new uPlot(options, this.#data, this.#place);
  }

  /** The top of the scale where nothing happens. */
  get #least(): number {
    return this.#format(1).includes("s") ? 0.5 : 4;
  }

  #resize(): void {
    if (this.#place.clientWidth > 0) this.#plot?.setSize({ width: this.#place.clientWidth, height: HEIGHT });
  }
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

function clock(_: uPlot, ticks: number[]): string[] {
  return ticks.map((tick) => CLOCK.format(tick * 1000));
}
