// Compiles src/ to dist/: the library, each worklet as a file of its own that imports nothing, and the types.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const path = (name) => `${root}${name}`;

// This build is to leave the addresses of the worklets alone; a page's build is to follow them.
const followable = {
  name: "followable",
  generateBundle: (_, bundle) => {
    for (const chunk of Object.values(bundle)) chunk.code = chunk.code?.replaceAll(/\s*\/\* @vite-ignore \*\/\s*/g, "");
  },
};

rmSync(path("dist"), { recursive: true, force: true });
// One build each: several entries of one build would share chunks, and a worklet that imports one is copied
// without it by a page's bundler.
for (const [entry, name] of [
  ["src/index.ts", "index"],
  ["src/worklets/microphone.ts", "worklets/microphone"],
  ["src/worklets/speaker.ts", "worklets/speaker"],
]) {
  await build({
    root,
    configFile: false,
    logLevel: "warn",
    plugins: [followable],
    build: {
      outDir: path("dist"),
      emptyOutDir: false,
      target: "es2022",
      minify: "oxc",
      lib: { entry: path(entry), formats: ["es"], fileName: name },
    },
  });
}
execFileSync(process.execPath, [path("../node_modules/typescript/bin/tsc"), "-p", root], { stdio: "inherit" });
