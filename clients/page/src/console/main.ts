/** The console: looks at the server every two seconds, as long as somebody looks at it. */

import { byId } from "../shared/dom.js";
import { KeyDialog } from "../shared/key-dialog.js";
import { forgetKey, storedKey } from "../shared/keys.js";
import { type Engines, Server, type ServerError } from "../shared/server.js";
import { Chart } from "./chart.js";
import { count, milliseconds, uptime } from "./format.js";
import { quantile, total } from "./histogram.js";
import { parseMetrics } from "./prometheus.js";
import { History, narrowest, read, steady, sum } from "./reading.js";
import { engineRows, faultRows, LATELY_S, stageRows } from "./tables.js";

const EVERY_MS = 2000;
const AWAY_MS = 5000;
/* Between looks at a server that does not answer. */

const root = new URL("../", document.baseURI);
const server = new Server(root, storedKey);
const history = new History();
const clock = steady(Date.now);
const keys = new KeyDialog(root, () => void look(), { takesTokens: false });
const load = new Chart(
  byId("load-chart"),
  "Streams",
  [
    { name: "Connections", color: "--accent" },
    { name: "Conversations", color: "--speaking" },
  ],
  (value) => (value === null ? "–" : count(Math.round(value))),
);
const latency = new Chart(
  byId("latency-chart"),
  "Speech to first sound, by the minute",
  [
    { name: "Median", color: "--speaking" },
    { name: "p95", color: "--thinking" },
  ],
  milliseconds,
);

let timer: ReturnType<typeof setTimeout> | undefined;
let looking = false;

/** Look once, and again after a while. */
async function look(): Promise<void> {
  if (looking || document.visibilityState === "hidden") return;
  looking = true;
  clearTimeout(timer);
  let next: number | null = EVERY_MS;
  try {
    const [metrics, engines] = await Promise.all([server.metrics(), server.engines()]);
    history.add(read(parseMetrics(metrics), clock() / 1000));
    show(engines);
  } catch (error) {
    next = trouble(error as ServerError);
  }
  looking = false;
  if (next !== null) timer = setTimeout(look, next);
}

/** Say what is wrong, and when to look again; null where that is of no use. */
function trouble({ code, message, retryAfterMs }: ServerError): number | null {
  const needsKey = code === "unauthorized";
  byId("enter-key").hidden = !needsKey;
  tell(
    needsKey ? "This server asks for a key." : `${message} It is asked again every ${AWAY_MS / 1000} s.`,
    needsKey ? "Waiting for a key" : "No answer",
    "away",
  );
  if (!needsKey) return Math.max(AWAY_MS, retryAfterMs ?? 0);
  const wasRefused = storedKey() !== undefined;
  forgetKey();
  keys.open(wasRefused ? "The server does not know this key any more." : "");
  return null;
}

function tell(notice: string, freshness: string, state: string): void {
  byId("notice").hidden = notice === "";
  if (byId("notice-text").textContent !== notice) byId("notice-text").textContent = notice;
  byId("freshness").textContent = freshness;
  byId("freshness").dataset.state = state;
}

function show(engines: Engines): void {
  const now = history.last;
  if (now === undefined) return;
  tell("", "Live", "live");
  const text = (id: string, value: string) => {
    byId(id).textContent = value;
  };
  text("connections", count(now.connections));
  text("conversations", `${count(now.conversations, "conversation")} in memory`);
  text("room", count(now.room));
  const limit = narrowest(engines, now.room);
  text("room-of", limit === "" ? `of ${count(now.capacity, "conversation")}` : `limited by ${limit}`);
  const { total: whole } = now.stages;
  text("first-sound", milliseconds(quantile(whole, 0.5)));
  text(
    "first-sound-of",
    total(whole) === 0
      ? "no spoken turn yet"
      : `p95 ${milliseconds(quantile(whole, 0.95))}, ${count(total(whole), "turn")}`,
  );
  const errors = history.lately((reading) => sum(reading.errors), LATELY_S);
  text("errors-lately", count(errors));
  const span = history.spanS < LATELY_S ? "since opened" : "last 15 min"; // of what was before, only the sum is known
  text("errors-span", `Errors, ${span}`);
  text("faults-span", span[0]?.toUpperCase() + span.slice(1));
  text("errors-ever", `${count(sum(now.errors))} since the server started`);
  byId("errors-lately")
    .closest(".tile")
    ?.classList.toggle("is-trouble", errors > 0);
  text("uptime", now.startedAt === null ? "–" : uptime(now.at - now.startedAt));
  byId("stages").replaceChildren(...stageRows(now));
  const faults = faultRows(history);
  byId("faults").replaceChildren(...faults);
  byId("faults-table").hidden = faults.length === 0;
  byId("no-faults").hidden = faults.length > 0;
  byId("engines").replaceChildren(...engineRows(engines, now));
  const times = history.readings.map(({ at }) => at);
  load.show(times, [history.readings.map((r) => r.connections), history.readings.map((r) => r.conversations)]);
  latency.show(times, [history.course("total", 0.5), history.course("total", 0.95)]);
}

byId("enter-key").onclick = () => keys.open();
document.addEventListener("visibilitychange", () => void look());
void look();
server.info().then(
  ({ version }) => {
    byId("version").textContent = `voicesrv ${version}`;
  },
  () => undefined, // the look says what is wrong
);
