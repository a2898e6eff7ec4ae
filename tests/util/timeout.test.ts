import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { after } from "../../src/util/timeout.ts";
import { until } from "../support/until.ts";

describe("after", () => {
  for (const ms of [0, 30, 450]) {
    test(`${ms} ms: calls once, not sooner`, async () => {
      const start = performance.now();
      const calls: number[] = [];
      after(ms, () => calls.push(performance.now() - start));
      await until("the call", () => calls.length > 0);
      // Timers are rounded to the millisecond.
      assert.ok(calls[0] >= ms - 1, `${calls[0]} ms`);
      let others = 0;
      after(250, () => others++);
      await until("a later one", () => others > 0);
      assert.equal(calls.length, 1);
    });
  }

  for (const when of ["at once", "after a while"]) {
    test(`called off ${when}: never calls`, async () => {
      let called = false;
      const callOff = after(500, () => called = true);
      if (when === "at once") callOff();
      else after(300, callOff);
      let later = false;
      after(750, () => later = true);
      await until("a later one", () => later);
      assert.equal(called, false);
    });
  }
});
