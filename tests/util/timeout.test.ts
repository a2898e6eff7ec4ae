import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timeout } from "../../src/util/timeout.ts";
import { until } from "../support/until.ts";

describe("after", () => {
  for (const ms of [0, 30, 450]) {
    test(`${ms} ms: calls once, not sooner`, async () => {
      const start = performance.now();
      const calls: number[] = [];
      timeout(ms, () => calls.push(performance.now() - start));
      await until("the call", () => calls.length > 0);
      // Timers are rounded to the millisecond.
      assert.ok(calls[0] >= ms - 1, `${calls[0]} ms`);
      let others = 0;
      timeout(250, () => others++);
      await until("a later one", () => others > 0);
      assert.equal(calls.length, 1);
    });
  }

  test("no limit: there is no timer, which would wake the process", () => {
    const setTimer = globalThis.setTimeout;
    let timers = 0;
    globalThis.setTimeout = ((...parameters: Parameters<typeof setTimer>) => {
      timers++;
      return setTimer(...parameters);
    }) as typeof setTimer;
    try {
      timeout(Infinity, () => {})();
      assert.equal(timers, 0);
      timeout(30, () => {})();
      assert.equal(timers, 1);
    } finally {
      globalThis.setTimeout = setTimer;
    }
  });

  for (const when of ["at once", "after a while"]) {
    test(`called off ${when}: never calls`, async () => {
      let called = false;
      const callOff = timeout(500, () => called = true);
      if (when === "at once") callOff();
      else timeout(300, callOff);
      let queue = false;
      timeout(750, () => queue = true);
      await until("a later one", () => queue);
      assert.equal(called, false);
    });
  }
});
