import assert from "node:assert/strict";
import { test } from "node:test";
import { NextTurn } from "../../src/util/deferred_queue.ts";
import { deferred } from "../support/deferred.ts";
import { until } from "../support/until.ts";

test("it is done after what waits for this turn, and once", async () => {
  const next = deferred();
  const done: string[] = [];
  next.do(() => done.push("work"));
  await Promise.resolve();
  assert.deepEqual(done, []);
  await until("the work", () => done.length);
  next.now();
  assert.deepEqual(done, ["work"]);
});

test("nothing is left undone by a second thing to do, nor by an end", async () => {
  const next = deferred();
  const done: number[] = [];
  next.do(() => done.push(1));
  next.do(() => done.push(2));
  assert.deepEqual(done, []);
  next.now();
  assert.deepEqual(done, [1, 2]);
  let later = false;
  setTimeout(() => later = true, 20);
  await until("the turns that were to come", () => later);
  assert.deepEqual(done, [1, 2]);
});

test("once it is armed, it all waits for the turn that comes by itself", async () => {
  const next = deferred();
  const done: string[] = [];
  next.arm();
  next.do(() => done.push("work"));
  let turns = 0;
  for (; turns < 3; turns++) await new Promise((turn) => setTimeout(turn, 0));
  assert.deepEqual(done, []);
  await until("the turn", () => done.length);
  // There is none to come any more: the next one is the next.
  await next.turn();
  assert.deepEqual(done, ["work"]);
});

test("an error is told, and all the others are still done, each time", async () => {
  const errors: unknown[] = [];
  const next = new NextTurn((error) => errors.push(error));
  const done: string[] = [];
  const broken = () => {
    throw new Error("broken");
  };
  next.do(broken);
  next.do(() => done.push("one"));
  next.do(broken);
  next.do(() => done.push("two"));
  next.now();
  assert.deepEqual(done, ["one", "two"]);
  assert.deepEqual(errors.map(String), ["Error: broken", "Error: broken"]);
  // By itself, too: an error in a timer would end the process.
  next.do(broken);
  await next.turn();
  next.arm();
  next.do(broken);
  await until("the turn", () => errors.length === 4);
});
