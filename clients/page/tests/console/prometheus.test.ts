import { expect, test } from "vitest";
import { parseMetrics } from "../../src/console/prometheus.js";

test("names, labels and numbers", () => {
  const text = `# HELP a What it is.
# TYPE a counter
a 1
b{x="1",y="two"} 2.5e-3
c{x="1",} -4 1700000000000

d{} +Inf`;
  expect(parseMetrics(text)).toEqual([
    { name: "a", labels: {}, value: 1 },
    { name: "b", labels: { x: "1", y: "two" }, value: 0.0025 },
    { name: "c", labels: { x: "1" }, value: -4 },
    { name: "d", labels: {}, value: Number.POSITIVE_INFINITY },
  ]);
});

test("what is escaped in a label", () => {
  const text = String.raw`a{x="quote \" brace } comma , back \\ line \n end"} 1`;
  expect(parseMetrics(text)).toEqual([
    { name: "a", labels: { x: 'quote " brace } comma , back \\ line \n end' }, value: 1 },
  ]);
});

test("no number is a number", () => {
  const [sample] = parseMetrics("a NaN\n");
  expect(sample?.value).toBeNaN();
});

test.each(["a", "a one", "1a 1", "a{x=1} 1", 'a{x="1" 1', "<html>", 'a{x="1" y="2"} 1'])(
  "what is none of it is passed over: %s",
  (line) => {
    expect(parseMetrics(line)).toEqual([]);
  },
);

test("Windows' line ends, and none at the end", () => {
  expect(parseMetrics("a 1\r\nb 2").map(({ value }) => value)).toEqual([1, 2]);
});
