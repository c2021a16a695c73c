/** The vectors that are shared with the tests of the server and of the Python client: tests/data/wire/README.md. */

import { readFileSync } from "node:fs";

/** The lines of one file. */
export function vectors<T>(name: string): T[] {
  const text = readFileSync(new URL(`../../../tests/data/wire/native/${name}.jsonl`, import.meta.url), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

export function bytes(base64: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(base64, "base64")).buffer;
}

/** A line of a recorded conversation. */
export interface Line {
  open?: string;
  from?: "client" | "server";
  text?: string;
  base64?: string;
}
