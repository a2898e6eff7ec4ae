import assert from "node:assert/strict";
import { test } from "node:test";
import { NextTurn } from "../src/next_turn.ts";
import { until } from "./support/until.ts";

test("it is done after what waits for this turn, and once", async () => {
  const next = new NextTurn();
  const done: string[] = [];
  next.do(() => done.push("work"));
  await Promise.resolve();
  assert.deepEqual(done, []);
  await until("the work", () => done.length);
  next.now();
  assert.deepEqual(done, ["work"]);
});

test("nothing is left undone by a second thing to do, nor by an end", async () => {
  const next = new NextTurn();
  const done: number[] = [];
  next.do(() => done.push(1));
  next.do(() => done.push(2));
  assert.deepEqual(done, [1]);
  next.now();
  assert.deepEqual(done, [1, 2]);
  let later = false;
  setTimeout(() => later = true, 20);
  await until("the turns that were to come", () => later);
  assert.deepEqual(done, [1, 2]);
});
