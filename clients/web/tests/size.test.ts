import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const dist = new URL("../dist/", import.meta.url);
const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
const read = (name: string) => readFileSync(new URL(name, dist));

test("what was built is the library and two worklets", () => {
  expect(files.sort()).toEqual(["index.js", "worklets/microphone.js", "worklets/speaker.js"]);
});

test("all of it is under 20 KB, gzipped", () => {
  const bytes = files.reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0);
  expect(bytes).toBeLessThan(20_000);
});

test("nothing is imported, and no address of a worklet is blob: or data:, which a strict CSP forbids", () => {
  for (const name of files) {
    const text = read(name).toString();
    expect(text).not.toMatch(/\bimport\s*[({"'\w]/);
    expect(text).not.toMatch(/blob:|data:(?!\s)/);
  }
  expect(read("index.js").toString()).toMatch(
    /new URL\("\.\/worklets\/speaker\.js\?no-inline",\s*import\.meta\.url\s*\)/,
  );
});
