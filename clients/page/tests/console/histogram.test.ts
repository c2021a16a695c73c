import { expect, test } from "vitest";
import { EMPTY, histogram, quantile, since, total } from "../../src/console/histogram.js";
import { parseMetrics } from "../../src/console/prometheus.js";

const TEXT = `h_bucket{le="0.2",stage="a"} 20
h_bucket{le="0.1",stage="a"} 10
h_bucket{le="+Inf",stage="a"} 24
h_count{stage="a"} 24
h_bucket{le="0.1",stage="b"} 1`;
const A = histogram(parseMetrics(TEXT), "h", { stage: "a" });

test("buckets are put in order", () => {
  expect(A).toEqual({ bounds: [0.1, 0.2, Number.POSITIVE_INFINITY], counts: [10, 20, 24] });
  expect(total(A)).toBe(24);
  expect(histogram(parseMetrics(TEXT), "other")).toEqual(EMPTY);
});

test("quantiles are evenly spread within a bucket, and end at the last bound", () => {
  expect(quantile(A, 0.5)).toBeCloseTo(0.12);
  expect(quantile(A, 0.25)).toBeCloseTo(0.06);
  expect(quantile(A, 0.99)).toBe(0.2);
  expect(quantile(EMPTY, 0.5)).toBeNull();
  expect(quantile({ bounds: [1, Number.POSITIVE_INFINITY], counts: [0, 0] }, 0.5)).toBeNull();
  expect(quantile({ bounds: [1, 2, Number.POSITIVE_INFINITY], counts: [0, 4, 4] }, 0.5)).toBe(1.5);
  expect(quantile({ bounds: [1], counts: [4] }, 0)).toBe(0);
});

test("what came since, of a server that went on and of one that began anew", () => {
  const earlier = { bounds: A.bounds, counts: [4, 5, 5] };
  expect(since(earlier, A).counts).toEqual([6, 15, 19]);
  expect(since(A, earlier)).toBe(earlier);
  expect(since(EMPTY, A)).toBe(A);
});
