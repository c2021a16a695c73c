/** How far what is shown is off what is heard. */

/** A frame as the page noted it. */
export interface Drawn {
  /** The frame's time and the moment it was drawn, in ms of performance.now. */
  now: number;
  atMs: number;
  /** The audio context's time at that moment, in s; null where there was none. */
  time: number | null;
  shape: string;
  open: number;
  drawMs: number;
}

export interface TimedShape {
  viseme: string;
  start_ms: number;
  end_ms: number;
}

const AROUND_MS = 80;

/**
 * For each shape, when it was first seen against when it was first heard, in ms; positive is late.
 *
 * A frame is seen when the next one begins: by then the browser has handed it to the screen. The audio clock is read
 * off all frames at once, as `currentTime` stands still over a device's buffer.
 *
 * @param heardAt when the reply's first sample was heard, in s of the context's clock.
 */
export function lipOffsets(drawn: Drawn[], shapes: TimedShape[], heardAt: number) {
  const timed = drawn.filter((frame): frame is Drawn & { time: number } => frame.time !== null);
  const clockMs = quantile(
    timed.map(({ time, atMs }) => time * 1000 - atMs),
    0.5,
  );
  const seen = timed.slice(0, -1).map(({ shape }, n) => ({
    shape,
    atMs: (timed[n + 1] as Drawn).now + clockMs - heardAt * 1000, // of the reply's audio
  }));
  const offsetsMs: number[] = [];
  let missed = 0;
  let from = 0;
  for (const { viseme, start_ms, end_ms } of shapes) {
    const at = seen.findIndex(
      ({ shape, atMs }, n) => n >= from && shape === viseme && atMs > start_ms - AROUND_MS && atMs < end_ms + AROUND_MS,
    );
    if (at < 0) {
      missed++;
      continue;
    }
    offsetsMs.push((seen[at] as { atMs: number }).atMs - start_ms);
    from = at + 1;
  }
  return { offsetsMs, missed };
}

/** The value below which a part of the numbers lies. */
export function quantile(numbers: number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] as number;
}
