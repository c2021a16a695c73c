// Makes what the server serves: each page, compiled; the libraries for pages of others, as their builds left them; and
// beside each file what is compressed.
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const SERVED = path("../../voicesrv/pages");
const OUT = `${SERVED}.new/`; // takes their place when it is whole
const TEXT = /\.(html|js|css|svg)$/;

rmSync(OUT, { recursive: true, force: true });
for (const page of ["talk", "console"]) {
  await build({
    root: path(page),
    configFile: false,
    logLevel: "warn",
    base: "./", // a proxy may serve all of it below a path of its own
    publicDir: path("public"),
    build: {
      outDir: `${OUT}${page}`,
      emptyOutDir: false,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { output: { comments: { legal: true, annotation: false, jsdoc: false } } },
    },
  });
}

// Both libraries look for the worklets beside them, and have the same.
const isCode = (source) => !source.endsWith(".d.ts");
cpSync(path("../avatar/dist/standalone"), `${OUT}clients`, { recursive: true, filter: isCode });
cpSync(path("../web/dist/index.js"), `${OUT}clients/voicesrv.js`);

for (const file of readdirSync(OUT, { recursive: true, encoding: "utf8" }).filter((name) => TEXT.test(name))) {
  const body = readFileSync(`${OUT}${file}`);
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${OUT}${file}.gz`, gzipSync(body, { level: 9 }));
  writeFileSync(`${OUT}${file}.br`, brotliCompressSync(body, { params }));
}
rmSync(SERVED, { recursive: true, force: true });
renameSync(OUT, SERVED);
