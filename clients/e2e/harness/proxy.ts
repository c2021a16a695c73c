/** A TCP proxy that a test can cut, delay and refuse with. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Network {
  port: number;
  /** `http://127.0.0.1:PORT`. */
  url: string;
  /** Break every connection without a word. */
  cut(): void;
  /** Break them, and refuse new ones until `allow`. */
  refuse(): void;
  allow(): void;
  /** Let nothing more through on the connections that there are, and tell nobody; new ones work. */
  swallow(): void;
  stop(): Promise<void>;
}

/**
 * Stand between a page and a server.
 *
 * @param target the server's port.
 * @param delayMs called for each chunk from the server: how long it is held back. Their order is kept.
 */
export async function startProxy(target: number, delayMs: () => number = () => 0): Promise<Network> {
  const sockets = new Set<Socket>();
  const deaf = new WeakSet<Socket>();
  let refusing = false;
  const server = createServer((client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(target, "127.0.0.1").setNoDelay();
    client.setNoDelay();
    client.on("data", (data) => deaf.has(client) || upstream.write(data));
    client.on("end", () => upstream.end());
    let order = Promise.resolve();
    upstream.on("data", (data) => {
      const due = Date.now() + delayMs();
      order = order.then(async () => {
        const waitMs = due - Date.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (!client.destroyed && !deaf.has(client)) client.write(data);
      });
    });
    upstream.on("end", () => void order.then(() => client.end()));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        if (socket === client) other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    cut,
    refuse: () => {
      refusing = true;
      cut();
    },
    allow: () => {
      refusing = false;
    },
    swallow: () => {
      for (const socket of sockets) deaf.add(socket);
    },
    stop: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
