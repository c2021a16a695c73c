import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const MEASURED = ["e2e/{web,page-everybody,firefox,webkit,soak}.e2e.ts", "avatar/e2e/{avatar,pages}.e2e.ts"];

/** In real browsers against a real server: `npm run e2e` in clients/. What measures runs alone, the others by two. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    testTimeout: 120_000,
    hookTimeout: 60_000,
    globalSetup: fileURLToPath(new URL("harness/temporary-folder.ts", import.meta.url)),
    projects: [
      {
        extends: true,
        test: { name: "measured", include: MEASURED, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
      {
        extends: true,
        test: {
          name: "behaviour",
          include: ["e2e/*.e2e.ts", "*/e2e/*.e2e.ts"],
          exclude: MEASURED,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
