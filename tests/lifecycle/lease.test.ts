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

/** A clock that a restore moves. */
function movingClock() {
  let moved = 0;
  return {
    now: () => performance.now() + moved,
    move: (ms: number) => moved += ms,
  };
}

test("a lease starts over if the restore moved the clock past its end, and then ends in its time", async () => {
  const clock = movingClock();
  const jumps: number[] = [];
  let [left, ended] = [0, 0];
  const lease = new Lease(() => ended = clock.now(), {
    now: clock.now,
    onJump(lateMs) {
      jumps.push(lateMs);
      left = lease.left;
    },
  });
  lease.start(0.3);
  clock.move(3_600_000);
  const restored = clock.now();
  await until("the jump", () => jumps.length);
  assert.ok(jumps[0] > 3_599_000, `${jumps[0]} ms`);
  assert.ok(left > 0.2 && left <= 0.3, `${left} s`);
  assert.equal(lease.seconds, 0.3);
  await until("the end", () => ended);
  assert.ok(ended - restored >= 300, `${ended - restored} ms`);
  assert.equal(jumps.length, 1);
});

test("a lease whose timer is late by less than a restore ends", async () => {
  const clock = movingClock();
  let ended = false;
  const lease = new Lease(() => ended = true, {
    now: clock.now,
    onJump: () => assert.fail("it starts over"),
  });
  lease.start(0.05);
  clock.move(2000);
  await until("the end", () => ended);
  assert.equal(lease.left, 0);
});

test("a stopped lease leaves no timer, which would wake a guest that is quiesced later", () => {
  const waiting = new Set<number>();
  const timers = {
    within(ms: number) {
      waiting.add(ms);
      return () => void waiting.delete(ms);
    },
  };
  const lease = new Lease(() => assert.fail("it ends"), {
    ...{ timers, now: () => 0 },
  });
  lease.start(600);
  assert.deepEqual([...waiting], [600_000]);
  lease.start(60);
  assert.deepEqual([...waiting], [60_000]);
  lease.extend(90);
  assert.deepEqual([...waiting], [90_000]);
  lease.stop();
  assert.deepEqual([...waiting], []);
});
