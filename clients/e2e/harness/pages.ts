/** A static server for pages of a test, with the Content-Security-Policy that we promise to work under. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
export const STRICT_CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src *";

export interface Pages {
  url: string;
  stop(): Promise<void>;
}

/**
 * Serve folders.
 *
 * @param folders by the prefix of the path, such as `{ "/": PAGE, "/lib/": DIST }`; the longest that fits is taken.
 * @param policy the Content-Security-Policy of all of them.
 */
export async function servePages(folders: Record<string, string>, policy = STRICT_CSP): Promise<Pages> {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://h").pathname);
    if (path === "/favicon.ico") {
      response.writeHead(204).end(); // asked for unbidden; a 404 would look like a fault of the page
      return;
    }
    const prefix = prefixes.find((each) => path.startsWith(each));
    const file = prefix && join(folders[prefix] as string, path.slice(prefix.length) || "index.html");
    try {
      const body = await readFile(file ?? "");
      response.setHeader("Content-Type", TYPES[extname(file ?? "")] ?? "application/octet-stream");
      response.setHeader("Content-Security-Policy", policy);
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
