/** The text that `/metrics` answers with -> samples. Pure. */

/** One number of the text. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/gy;

/**
 * Read the text exposition format, version 0.0.4; lines that are none of it are passed over.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", number] = LINE.exec(line) ?? [];
    if (name === undefined || number === undefined) return [];
    const value = parseNumber(number);
    const parsed = parseLabels(labels);
    return value === null || parsed === null ? [] : [{ name, labels: parsed, value }];
  });
}

function parseNumber(text: string): number | null {
  const special: Record<string, number> = { "+Inf": Infinity, "-Inf": -Infinity, NaN };
  const value = special[text] ?? Number(text);
  return Number.isNaN(value) && text !== "NaN" ? null : value;
}

function parseLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const [whole, name, value] of text.matchAll(LABEL)) {
    labels[name as string] = unescaped(value as string);
    end += whole.length;
  }
  return end === text.length ? labels : null;
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}
