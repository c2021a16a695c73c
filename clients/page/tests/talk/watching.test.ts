import type { VoiceClient } from "@voicesrv/web";
import { expect, test, vi } from "vitest";
import { type On, watchSound } from "../../src/talk/watching.js";

/** A client that sounds, and what was told of it. */
function sounding() {
  const stats = { underruns: 0 };
  const listeners = new EventTarget();
  const on: On = (type, listener) =>
    listeners.addEventListener(type, (event) => listener((event as CustomEvent).detail));
  const failed = vi.fn();
  const well = vi.fn();
  watchSound(on, { stats } as unknown as VoiceClient, { failed, well });
  const say = (type: string, detail: object) => listeners.dispatchEvent(new CustomEvent(type, { detail }));
  /** Have a reply heard with so many gaps. */
  const hear = (gaps: number) => {
    say("playing", { reply: 1, playing: true });
    for (let n = 0; n < gaps; n++) {
      stats.underruns++;
      say("played", { reply: 1, played_ms: 250 * n });
    }
    say("playing", { reply: 1, playing: false });
    say("played", { reply: 1, played_ms: 250 * gaps });
  };
  return { failed, well, say, hear };
}

test("sound that is blocked is told, and that it is not any more", () => {
  const { failed, well, say } = sounding();
  say("speaker", { state: "blocked" });
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "blocked" }));
  say("speaker", { state: "on" });
  expect(well).toHaveBeenCalledWith("sound");
});

test("sound in scraps is told, until a reply is heard whole", () => {
  const { failed, well, hear } = sounding();
  hear(8);
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "too_slow" }));
  expect(well).not.toHaveBeenCalled();
  failed.mockClear();
  hear(1);
  expect(well).not.toHaveBeenCalled();
  hear(0);
  expect(well).toHaveBeenCalledWith("sound");
  expect(failed).not.toHaveBeenCalled();
});

test("a gap here and there is nothing to tell", () => {
  const { failed, hear } = sounding();
  for (let n = 0; n < 9; n++) hear(2);
  expect(failed).not.toHaveBeenCalled();
});
