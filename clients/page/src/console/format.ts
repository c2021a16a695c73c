/** Numbers as operators read them. Pure. */

/** Seconds as a duration of one turn. */
export function milliseconds(seconds: number | null): string {
  if (seconds === null) return "–";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}

/** How long something has been, in its two largest units. */
export function uptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const units: [string, number][] = [
    ["d", Math.floor(whole / 86_400)],
    ["h", Math.floor(whole / 3600) % 24],
    ["min", Math.floor(whole / 60) % 60],
    ["s", whole % 60],
  ];
  const first = units.findIndex(([, n]) => n > 0);
  const from = first < 0 ? units.length - 1 : first;
  return units
    .slice(from, from + 2)
    .map(([unit, n]) => `${n} ${unit}`)
    .join(" ");
}

/** @param thing what is counted, one of it; nothing for the number alone. */
export function count(n: number, thing = ""): string {
  const number = n.toLocaleString("en");
  return thing === "" ? number : `${number} ${thing}${n === 1 ? "" : "s"}`;
}

const LEAST_SPAN_S = 60;
/* Over less, a chart tells the time at parts of a second, and each second twice. */

/** From when to when a chart goes: it ends with the latest, and is a minute at least. */
export function shownSpan(times: ArrayLike<number>): [number, number] | [null, null] {
  const [first, last] = [times[0], times[times.length - 1]];
  if (first === undefined || last === undefined) return [null, null];
  return [Math.min(first, last - LEAST_SPAN_S), last];
}
