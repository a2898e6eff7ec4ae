import assert from "node:assert/strict";
import { test } from "node:test";
import { Lease } from "../../src/lifecycle/lease.ts";
import { until } from "../support/until.ts";

test("a lease ends once, not before its time", async () => {
  const start = performance.now();
  const ends: number[] = [];
  const lease = new Lease(() => ends.push(performance.now() - start));
  lease.start(0.05);
  assert.equal(lease.seconds, 0.05);
  assert.ok(lease.left > 0 && lease.left <= 0.05);
  await until("the end", () => ends.length);
  assert.ok(ends[0] >= 50, `${ends[0]} ms`);
  assert.equal(lease.left, 0);
});

test("a renewed lease runs from the renewal", async () => {
  const start = performance.now();
  let end = 0;
  const lease = new Lease(() => end = performance.now() - start);
  lease.start(0.03);
  lease.start(0.12);
  await until("the end", () => end);
  assert.ok(end >= 120, `${end} ms`);
});

test("a stopped lease does not end", async () => {
  let ended = false;
  const lease = new Lease(() => ended = true);
  lease.start(0.01);
  lease.stop();
  assert.equal(lease.left, 0);
  let other = false;
  new Lease(() => other = true).start(0.03);
  await until("a later lease's end", () => other);
  assert.equal(ended, false);
});
