/** The console's tables, from what the server says. */

import { bars } from "../shared/bars.js";
import { h } from "../shared/dom.js";
import type { Engine, Engines } from "../shared/server.js";
import { count, milliseconds } from "./format.js";
import { quantile, total } from "./histogram.js";
import { faults, type History, type Reading, STAGES, type Stage } from "./reading.js";

/** How long "lately" is, in seconds. */
export const LATELY_S = 900;

/** Latency by stage, a row each, on one scale. */
export function stageRows({ stages }: Reading): HTMLTableRowElement[] {
  const names = Object.keys(STAGES) as Stage[];
  const longest = Math.max(...names.map((name) => quantile(stages[name], 0.95) ?? 0)) || 1;
  return names.map((name) => {
    const [median, p95] = [quantile(stages[name], 0.5), quantile(stages[name], 0.95)];
    return h(
      "tr",
      { className: total(stages[name]) === 0 ? "is-idle" : "" },
      h("th", { scope: "row" }, STAGES[name]),
      h("td", { className: "bar-of", "aria-hidden": "true" }, barsOf(median, p95, longest)),
      h("td", { className: "number" }, milliseconds(median)),
      h("td", { className: "number" }, milliseconds(p95)),
    );
  });
}

function barsOf(median: number | null, p95: number | null, longest: number): SVGElement | null {
  if (median === null || p95 === null) return null;
  return bars([
    { name: "p95", from: 0, to: p95 / longest },
    { name: "median", from: 0, to: median / longest },
  ]);
}

/** What went wrong, a row each. */
export function faultRows(history: History): HTMLTableRowElement[] {
  return faults(history, LATELY_S).map(({ what, kind, lately, ever }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, what),
      h("td", {}, kind),
      h("td", { className: "number" }, count(lately)),
      h("td", { className: "number" }, count(ever)),
    ),
  );
}

const KINDS: Record<string, string> = {
  vad: "Voice activity",
  stt: "Recogniser",
  llm: "Language model",
  tts: "Synthesiser",
};

/** The engines in use, a row each, and a row for each kind that names those that wait to be asked for. */
export function engineRows(engines: Engines, reading: Reading): HTMLTableRowElement[] {
  return Object.entries(engines).flatMap(([kind, of]) => {
    const inUse = of
      .filter((engine) => engine.chosen || engine.is_open)
      .sort((a, b) => Number(b.chosen) - Number(a.chosen));
    const others = of.filter((engine) => !inUse.includes(engine)).map(({ name }) => name);
    const rows = inUse.map((engine) => [
      h("td", {}, state(engine)),
      h("td", {}, engine.name, engine.chosen && h("span", { className: "why" }, ` · ${engine.why || "chosen"}`)),
      ...numbers(kind, engine, reading).map((value) => h("td", { className: "number" }, value)),
    ]);
    const waiting = [h("td", {}, "not loaded"), h("td", { colSpan: 5 }, others.join(", "))];
    return [...rows, ...(others.length > 0 ? [waiting] : [])].map((cells, n) =>
      h(
        "tr",
        { className: n === 0 ? "" : cells === waiting ? "is-same is-idle" : "is-same" },
        h(
          "th",
          { scope: "row" },
          n === 0 ? (KINDS[kind] ?? kind) : h("span", { className: "unseen" }, KINDS[kind] ?? kind),
        ),
        ...cells,
      ),
    );
  });
}

function state({ chosen, is_open }: Engine): HTMLElement {
  const name = is_open ? "is-open" : chosen ? "is-failing" : "";
  return h("span", { className: `state ${name}` }, is_open ? "ready" : "not available");
}

/** In use, room, failures, restarts; empty where there is nothing to say. */
function numbers(kind: string, { name, chosen, room }: Engine, { streams, failures, restarts }: Reading): string[] {
  const said = (n: number | null | undefined) => (n == null ? "" : count(n));
  return [said(chosen ? streams[kind] : null), said(room), said(failures[name] || null), said(restarts[name] || null)];
}
