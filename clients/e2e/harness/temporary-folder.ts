/** A folder that all tests of one run, their browsers and servers have for what is of no use after it. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Make it everybody's folder for temporary files, before the first test begins; what this gives removes it. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "voicesrv-e2e-"));
  process.env.TMPDIR = folder; // Vitest's workers have this environment, and what they start has theirs
  return () => rmSync(folder, { recursive: true, force: true });
}
