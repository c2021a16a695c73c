/** The world beside the server: network, clock and chance. */

import type { Socket } from "./connection.js";
import type { After } from "./heartbeat.js";

/** What a link needs of it. */
export interface World {
  /** The page's address. */
  base: string | undefined;
  connect(url: string, protocols: string[]): Socket;
  /** Wait so long, or less where trying sooner may help. */
  wait(ms: number): Promise<void>;
  after: After;
  /** ms of a clock that does not go back. */
  now(): number;
  /** Evenly distributed in [0, 1). */
  random(): number;
}

/** The browser's. */
export const pageWorld: World = {
  base: globalThis.location?.href,
  connect: (url, protocols) => new WebSocket(url, protocols) as Socket,
  wait: (ms) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        globalThis.removeEventListener?.("online", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      globalThis.addEventListener?.("online", done); // the network is back: why wait
    }),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
  random: Math.random,
};
