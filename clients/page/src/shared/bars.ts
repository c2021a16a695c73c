/** Bars over a width, drawn with attributes: a strict CSP lets no style in. */

const SVG = "http://www.w3.org/2000/svg";

/** A part of the width, from 0 to 1; `name` is its class. */
export interface Bar {
  name: string;
  from: number;
  to: number;
}

const LEAST = 0.006;
/* Of the width, so that what took next to no time is still seen. */

/** Draw bars one over another. */
export function bars(parts: readonly Bar[]): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const { name, from, to } of parts) {
    const rect = document.createElementNS(SVG, "rect");
    const width = percent(Math.max(to - from, LEAST));
    const attributes = { class: name, x: percent(from), width, height: "100%", rx: "3" };
    for (const [attribute, value] of Object.entries(attributes)) rect.setAttribute(attribute, value);
    svg.append(rect);
  }
  return svg;
}

const percent = (part: number): string => `${(part * 100).toFixed(2)}%`;
