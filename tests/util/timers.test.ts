import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Alarm, SharedTimers } from "../../src/util/timers.ts";
import { until } from "../support/until.ts";

/** Timers whose alarm the test rings; `sets` has the times for which it was set, in whole seconds. */
function rung() {
  const sets: (number | "clear" | "end")[] = [];
  let ring = () => {};
  const timers = new SharedTimers((action): Alarm => {
    ring = action;
    return {
      // A busy machine takes a part of the time.
      set: (ms) => void sets.push(Math.round(ms / 1000)),
      clear: () => void sets.push("clear"),
      end: () => void sets.push("end"),
    };
  });
  return { timers, sets, ring: () => ring() };
}

describe("timers that share an alarm", () => {
  test("one alarm is enough for two timers that may be earlier", async () => {
    const timers = new SharedTimers();
    const calls: string[] = [];
    timers.within(250, () => calls.push("first"));
    timers.within(60_000, () => calls.push("with it"), 60_000);
    await until("both", () => calls.length === 2);
    assert.deepEqual(calls, ["first", "with it"]);
  });

  test("a timer without that slack waits for its own time", async () => {
    const timers = new SharedTimers();
    const start = performance.now();
    const calls: number[] = [];
    const note = () => calls.push(performance.now() - start);
    timers.within(210, note);
    timers.within(400, note);
    await until("both", () => calls.length === 2);
    assert.ok(calls[0] >= 209 && calls[1] >= 399, calls.join());
  });

  test("slack alone does not make a timer early", () => {
    const { timers, sets, ring } = rung();
    timers.within(60_000, () => assert.fail("too early"), 60_000);
    ring();
    assert.deepEqual(sets, [60, 60]);
  });

  test("the alarm is set for the first timer, and cleared without one", () => {
    const { timers, sets } = rung();
    const late = timers.within(2000, () => assert.fail());
    const early = timers.within(1000, () => assert.fail());
    early();
    late();
    late();
    assert.deepEqual(sets, [2, 1, 2, "clear"]);
  });

  test("their end cancels all, and ends the alarm", () => {
    const { timers, sets } = rung();
    timers.within(1000, () => assert.fail());
    timers[Symbol.dispose]();
    assert.deepEqual(sets, [1, "clear", "end"]);
  });

  test("an action may cancel another one, and start one", async () => {
    const timers = new SharedTimers();
    const calls: string[] = [];
    timers.within(210, () => {
      cancel();
      timers.within(210, () => calls.push("again"));
      calls.push("first");
    });
    const cancel = timers.within(60_000, () => calls.push("no"), 60_000);
    await until("both", () => calls.length === 2);
    assert.deepEqual(calls, ["first", "again"]);
  });

  test("a short wait does not need the alarm", async () => {
    const { timers, sets } = rung();
    let called = 0;
    timers.within(1, () => called++);
    timers.within(1, () => assert.fail("cancelled"))();
    await until("the call", () => called === 1);
    assert.deepEqual(sets, []);
  });
});
