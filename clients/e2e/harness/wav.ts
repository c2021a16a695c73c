/** Recordings for the fake microphone. */

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RATE = 16_000;
const HEADER = 44;

/**
 * Write a WAV of recordings and silences, one after another.
 *
 * @param parts a 16 kHz mono WAV file, or ms of silence.
 * @returns its path; the file is gone when the tests are.
 */
export function composeWav(...parts: (string | number)[]): string {
  const pcm = Buffer.concat(
    parts.map((part) =>
      typeof part === "number" ? Buffer.alloc((RATE / 1000) * part * 2) : readFileSync(part).subarray(HEADER),
    ),
  );
  const header = Buffer.alloc(HEADER);
  header.write("RIFF", 0);
  header.writeUInt32LE(HEADER - 8 + pcm.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(pcm.length, 40);
  const path = join(mkdtempSync(join(tmpdir(), "wav-")), "microphone.wav");
  writeFileSync(path, Buffer.concat([header, pcm]));
  return path;
}
