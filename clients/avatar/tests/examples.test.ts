import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterEach, expect, test } from "vitest";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test.each(["plain", "react", "vue", "three"])(
  "the example for %s is built, with the audio worklets beside it",
  async (name) => {
    const outDir = mkdtempSync(join(tmpdir(), "voicesrv-example-"));
    folders.push(outDir);
    const root = fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
    await build({ root, logLevel: "error", build: { outDir, emptyOutDir: true, chunkSizeWarningLimit: 2000 } });
    const assets = readdirSync(join(outDir, "assets"));
    for (const worklet of ["microphone", "speaker"]) {
      expect(assets.filter((file) => file.startsWith(`${worklet}-`) && file.endsWith(".js"))).toHaveLength(1);
    }
    const script = assets.find((file) => file.startsWith("index-") && file.endsWith(".js")) as string;
    const code = readFileSync(join(outDir, "assets", script), "utf8");
    expect(code).toContain("voice-avatar");
    expect(code).not.toContain("data:text/javascript"); // a strict policy would not let it in
  },
  60_000,
);
