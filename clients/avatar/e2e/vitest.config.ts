import { defineConfig } from "vitest/config";

/** In real Chromium against a real server. One at a time, as they measure. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.e2e.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
