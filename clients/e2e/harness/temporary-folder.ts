/** A folder that all tests of one run, their browsers and servers have for what is of no use after it. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const PREFIX = "voicesrv-e2e-";

/**
 * Make it everybody's folder for temporary files, before the first test begins; what this gives removes it. Vitest
 * calls it for each project, and one is enough for all: Chromium takes no long paths.
 */
export function setup(): (() => void) | undefined {
  if (basename(tmpdir()).startsWith(PREFIX)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  process.env.TMPDIR = folder; // Vitest's workers have this environment, and what they start has theirs
  return () => rmSync(folder, { recursive: true, force: true });
}
