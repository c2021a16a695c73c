/** Elements from code. Text goes in as text nodes, so nothing that was said can become markup. */

type Child = Node | string | null | undefined | false;

/** Make an element; properties are set as they are, `dataset` and attributes with a dash or `role` by name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<Omit<HTMLElementTagNameMap[K], "style" | "dataset">> & {
    [attribute: `${string}-${string}`]: string;
  } = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An element that the page's HTML has. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element as T;
}

/** Put choices into a list, and mark the one that is chosen. */
export function fillSelect(select: HTMLSelectElement, groups: readonly ChoiceGroup[], chosen: string): void {
  const options = groups.map(({ label, choices }) => {
    const made = choices.map(({ value, label }) =>
      h("option", { value, textContent: label, selected: value === chosen }),
    );
    return label === "" ? made : [h("optgroup", { label }, ...made)];
  });
  select.replaceChildren(...options.flat());
}

/** What can be chosen, under a heading; an empty one is none. */
export interface ChoiceGroup {
  label: string;
  choices: readonly Choice[];
}

export interface Choice {
  value: string;
  label: string;
}
