/** The waterfall of a turn: closed it is a number and a strip, open a row for each stage. */

import { type Bar, bars } from "../shared/bars.js";
import { h } from "../shared/dom.js";
import { duration, type Stage, totalMs } from "./latency.js";

/** What each stage ends with. */
const NAMES: Record<Stage["ends"], string> = {
  turn: "End of turn",
  transcript: "Final transcript",
  token: "First token",
  sound: "First sound",
  played: "First sound played",
};

export function timingView(stages: readonly Stage[]): HTMLElement {
  const total = totalMs(stages) || 1;
  const bar = ({ ends, startMs, endMs }: Stage): Bar => ({
    name: `to-${ends}`,
    from: startMs / total,
    to: endMs / total,
  });
  const rows = stages.map((stage) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, NAMES[stage.ends]),
      h("td", { "aria-hidden": "true" }, bars([TRACK, bar(stage)])),
      h("td", {}, duration(stage.endMs - stage.startMs)),
      h("td", {}, duration(stage.endMs)),
    ),
  );
  const origin = stages[0]?.ends === "turn" ? "From your last word" : "From sending";
  const head = h(
    "tr",
    {},
    h("td", { colSpan: 2 }, origin),
    ...["Took", "At"].map((text) => h("th", { scope: "col" }, text)),
  );
  const details = h(
    "details",
    { className: "timing" },
    h(
      "summary",
      {},
      `Heard after ${duration(totalMs(stages))}`,
      h("span", { className: "strip", "aria-hidden": "true" }, bars(stages.map(bar))),
    ),
    h("table", { className: "waterfall" }, h("thead", {}, head), h("tbody", {}, ...rows)),
  );
  details.ontoggle = () => details.open && details.scrollIntoView({ block: "nearest" });
  return details;
}

const TRACK: Bar = { name: "track", from: 0, to: 1 };
