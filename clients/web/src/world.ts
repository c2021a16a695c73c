/** The page as a `Link` sees it. */

import type { Socket } from "./connection.js";
import type { World } from "./link.js";

/** Sockets, clock and chance of the browser. */
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
  now: () => performance.now(),
  random: Math.random,
};
