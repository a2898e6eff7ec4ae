import assert from "node:assert/strict";
import { test } from "node:test";
import { DeferredQueue } from "../../src/util/deferred_queue.ts";
import { deferred } from "../support/deferred.ts";
import { until } from "../support/until.ts";

test("it is done after what waits for this turn, and once", async () => {
  const next = deferred();
  const done: string[] = [];
  next.defer(() => done.push("work"));
  await Promise.resolve();
  assert.deepEqual(done, []);
  await until("the work", () => done.length);
  next.flush();
  assert.deepEqual(done, ["work"]);
});

test("nothing is left undone by a second thing to do, nor by an end", async () => {
  const next = deferred();
  const done: number[] = [];
  next.defer(() => done.push(1));
  next.defer(() => done.push(2));
  assert.deepEqual(done, []);
  next.flush();
  assert.deepEqual(done, [1, 2]);
  let queue = false;
  setTimeout(() => queue = true, 20);
  await until("the turns that were to come", () => queue);
  assert.deepEqual(done, [1, 2]);
});

test("once it is armed, it all waits for the turn that comes by itself", async () => {
  const next = deferred();
  const done: string[] = [];
  next.schedule();
  next.defer(() => done.push("work"));
  let turns = 0;
  for (; turns < 3; turns++) await new Promise((turn) => setTimeout(turn, 0));
  assert.deepEqual(done, []);
  await until("the turn", () => done.length);
  // There is none to come any more: the next one is the next.
  await next.drained();
  assert.deepEqual(done, ["work"]);
});

test("an error is told, and all the others are still done, each time", async () => {
  const errors: unknown[] = [];
  const next = new DeferredQueue((error) => errors.push(error));
  const done: string[] = [];
  const broken = () => {
    throw new Error("broken");
  };
  next.defer(broken);
  next.defer(() => done.push("one"));
  next.defer(broken);
  next.defer(() => done.push("two"));
  next.flush();
  assert.deepEqual(done, ["one", "two"]);
  assert.deepEqual(errors.map(String), ["Error: broken", "Error: broken"]);
  // By itself, too: an error in a timer would end the process.
  next.defer(broken);
  await next.drained();
  next.schedule();
  next.defer(broken);
  await until("the turn", () => errors.length === 4);
});
