// Compiles each page to the folder that the server serves it from, and puts what is compressed beside each file.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const TEXT = /\.(html|js|css|svg)$/;

for (const page of ["talk", "console"]) {
  const outDir = path(`../../voicesrv/pages/${page}`);
  await build({
    root: path(page),
    configFile: false,
    logLevel: "warn",
    base: "./", // a proxy may serve all of it below a path of its own
    publicDir: path("public"),
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { output: { comments: { legal: true, annotation: false, jsdoc: false } } },
    },
  });
  for (const file of readdirSync(outDir, { recursive: true, encoding: "utf8" }).filter((name) => TEXT.test(name))) {
    const body = readFileSync(`${outDir}/${file}`);
    const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
    writeFileSync(`${outDir}/${file}.gz`, gzipSync(body, { level: 9 }));
    writeFileSync(`${outDir}/${file}.br`, brotliCompressSync(body, { params }));
  }
}
