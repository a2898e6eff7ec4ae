import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { within } from "../../src/util/within.ts";

const never = new Promise<never>(() => {});

describe("a wait within limits", () => {
  test("gives the value of work that ends in time", async () => {
    const { signal } = new AbortController();
    assert.deepEqual(
      await within(Promise.resolve(7), { limitMs: 10_000, signal }),
      { value: 7 },
    );
  });

  test("ends at its limit", async () => {
    assert.deepEqual(await within(never, { limitMs: 1 }), { early: "timeout" });
  });

  test("ends when its signal aborts, also if that was before", async () => {
    const control = new AbortController();
    const waits = within(never, { limitMs: 10_000, signal: control.signal });
    control.abort();
    assert.deepEqual(await waits, { early: "aborted" });
    const { signal } = control;
    assert.deepEqual(await within(never, { signal }), { early: "aborted" });
  });

  test("rejects if the work does", async () => {
    const work = Promise.reject(new Error("broken"));
    await assert.rejects(within(work, { limitMs: 10_000 }), /broken/);
  });

  test("leaves an error that comes too late alone", async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    assert.deepEqual(await within(promise, { limitMs: 1 }), {
      early: "timeout",
    });
    reject(new Error("late")); // an unhandled rejection would fail this test
    await new Promise((resolve) => setTimeout(resolve));
  });
});
