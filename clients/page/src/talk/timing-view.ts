/** The waterfall of a turn: closed it is a number, open a bar for each stage. */

import { bars } from "../shared/bars.js";
import { h } from "../shared/dom.js";
import { duration, type Stage, totalMs } from "./latency.js";

export function timingView(stages: readonly Stage[]): HTMLElement {
  const total = totalMs(stages) || 1;
  const rows = stages.map(({ name, startMs, endMs }) =>
    h(
      "div",
      {},
      h("dt", {}, name),
      h("dd", { "aria-hidden": "true" }, bars([TRACK, { name: "stage", from: startMs / total, to: endMs / total }])),
      h("dd", {}, duration(endMs - startMs)),
    ),
  );
  return h(
    "details",
    { className: "timing" },
    h("summary", {}, `Heard after ${duration(totalMs(stages))}`),
    h("dl", { className: "waterfall" }, ...rows),
  );
}

const TRACK = { name: "track", from: 0, to: 1 };
