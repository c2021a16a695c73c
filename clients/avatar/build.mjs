// Compiles src/ to dist/: the element and its React component as modules for bundlers, the element with all it needs
// for pages without one (standalone/), and the types.
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const path = (name) => `${root}${name}`;
const shared = { root, configFile: false, logLevel: "warn" };

// The addresses of the worklets are left as they are: they are copied to the same place beside the file.
const leaveAddresses = {
  name: "leave-addresses",
  enforce: "pre",
  transform: (code, id) =>
    id.includes("/web/dist/") ? code.replaceAll("new URL(", "new URL(/* @vite-ignore */ ") : undefined,
};

rmSync(path("dist"), { recursive: true, force: true });
await build({
  ...shared,
  build: {
    outDir: path("dist"),
    emptyOutDir: false,
    target: "es2022",
    minify: "oxc",
    lib: { entry: { index: path("src/index.ts"), react: path("src/react.ts") }, formats: ["es"] },
    rolldownOptions: {
      external: ["@voicesrv/web", "react"],
      output: {
        chunkFileNames: "avatar.js",
        // For frameworks that render on a server: the component has effects. In the source it would be dropped.
        postBanner: ({ name }) => (name === "react" ? '"use client";' : ""),
      },
    },
  },
});
await build({
  ...shared,
  plugins: [leaveAddresses],
  build: {
    outDir: path("dist/standalone"),
    emptyOutDir: false,
    target: "es2022",
    minify: "oxc",
    lib: { entry: path("src/index.ts"), formats: ["es"], fileName: "voice-avatar" },
  },
});
cpSync(path("../web/dist/worklets"), path("dist/standalone/worklets"), { recursive: true });
execFileSync(process.execPath, [path("../node_modules/typescript/bin/tsc"), "-p", root], { stdio: "inherit" });
