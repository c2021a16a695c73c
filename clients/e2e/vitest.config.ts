import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** In real Chromium against a real server: `npm run e2e` in clients/. One at a time, as they measure. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    include: ["e2e/*.e2e.ts", "*/e2e/*.e2e.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
