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
  /** Calls back whenever the network may have changed unnoticed; what it returns ends that. */
  onWake(call: () => void): () => void;
  after: After;
  /** ms of a clock that does not go back. */
  now(): number;
  /** Evenly distributed in [0, 1). */
  random(): number;
}

const LONGEST_MS = 2 ** 31 - 1;
/* What setTimeout can wait; what is longer it does not wait for at all. */

/** A network came, or somebody looks at the page again, which may have slept and moved to another network meanwhile. */
function onWake(call: () => void): () => void {
  const looked = (): void => {
    if (document.visibilityState === "visible") call();
  };
  const shown = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) call();
  };
  const page = globalThis.document ? globalThis : undefined; // none in a worker, or in a server's rendering
  globalThis.addEventListener?.("online", call);
  page?.addEventListener("pageshow", shown);
  page?.document.addEventListener("visibilitychange", looked);
  return () => {
    globalThis.removeEventListener?.("online", call);
    page?.removeEventListener("pageshow", shown);
    page?.document.removeEventListener("visibilitychange", looked);
  };
}

/** The browser's. */
export const pageWorld: World = {
  base: globalThis.location?.href,
  connect: (url, protocols) => new WebSocket(url, protocols) as Socket,
  wait: (ms) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        callOff();
        resolve();
      };
      const timer = setTimeout(done, Math.min(ms, LONGEST_MS));
      const callOff = onWake(done); // the network may be back: why wait
    }),
  onWake,
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
  random: Math.random,
};
