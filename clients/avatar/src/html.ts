/** Making HTML elements, without markup, and the icons of the buttons. */

import { svg } from "./svg.js";

/** Make an element with attributes and children; text becomes text. */
export function html<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const MICROPHONE = "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3ZM6 11a6 6 0 0 0 12 0M12 17v4M9 21h6";
const ICONS = { microphone: MICROPHONE, muted: `${MICROPHONE}M4 3l16 18`, stop: "M7.5 7.5h9v9h-9Z" };

/** Drawn in the colour of the text around it. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const path = svg("path", { d: ICONS[name] });
  return svg("svg", { class: `icon ${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path);
}
