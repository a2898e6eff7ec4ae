import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../src/http/histogram.ts";

test("a histogram counts each duration in its bucket and all longer ones", () => {
  const histogram = new Histogram("a_seconds", "How long.");
  for (const ms of [0.5, 1, 1.5, 2000, 90_000]) {
    histogram.observe({ step: "zero" }, ms);
  }
  histogram.observe({ step: "hooks" }, 60_000);
  const lines = histogram.lines();
  assert.deepEqual(lines.slice(0, 3), [
    "# TYPE a_seconds histogram",
    "# UNIT a_seconds seconds",
    "# HELP a_seconds How long.",
  ]);
  for (
    const [le, count] of [
      ...[["0.001", 2], ["0.0025", 3], ["1.0", 3], ["2.5", 4]],
      ...[["60.0", 4], ["+Inf", 5]],
    ]
  ) {
    const line = `a_seconds_bucket{step="zero",le="${le}"} ${count}`;
    assert.ok(lines.includes(line), line);
  }
  assert.ok(lines.includes('a_seconds_count{step="zero"} 5'));
  const sum = lines.find((line) =>
    line.startsWith('a_seconds_sum{step="zero"}')
  );
  assert.ok(Math.abs(Number(sum?.split(" ")[1]) - 92.003) < 1e-9);
  assert.ok(lines.includes('a_seconds_bucket{step="hooks",le="30.0"} 0'));
  assert.ok(lines.includes('a_seconds_bucket{step="hooks",le="60.0"} 1'));
});

test("a histogram without a duration has its head only", () => {
  assert.equal(new Histogram("a_seconds", "How long.").lines().length, 3);
});
