import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const read = (name: string) => readFileSync(new URL(`../dist/${name}`, import.meta.url), "utf8");

test("the React component says that it is for browsers, to frameworks that render on a server", () => {
  expect(read("react.js")).toMatch(/^"use client";\n/);
  expect(read("index.js")).not.toContain("use client");
});

test("the element with all that it needs but the worklets is under 32 KB, gzipped", () => {
  expect(gzipSync(read("standalone/voice-avatar.js"), { level: 9 }).length).toBeLessThan(32_000);
});
