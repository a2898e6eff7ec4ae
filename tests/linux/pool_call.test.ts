import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { callOnPool } from "../../src/linux/pool_call.ts";

/** A call that returns as the test wants. */
function held() {
  let finish!: (value: string) => void;
  let fail!: (error: Error) => void;
  const work = new Promise<string>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { call: () => work, finish, fail, work };
}

describe("a call on the runtime's pool", () => {
  test("gives what it returns, and fails as it fails", async () => {
    assert.equal(await callOnPool("add", () => Promise.resolve(3)), 3);
    await assert.rejects(
      callOnPool("add", () => Promise.reject(new Error("no"))),
      { message: "no" },
    );
  });

  for (const how of ["the limit", "the signal"] as const) {
    test(`is given up at ${how}, and alone until it returns`, async () => {
      const { call, finish, work } = held();
      const abort = new AbortController();
      const calling = callOnPool("read /a", call, {
        limitMs: how === "the limit" ? 5 : undefined,
        signal: abort.signal,
      });
      if (how === "the signal") abort.abort();
      await assert.rejects(calling, {
        message: how === "the limit"
          ? "Cannot read /a: no answer within 5 ms"
          : "Cannot read /a: given up",
      });
      // A second one would take the other thread of a small pool.
      await assert.rejects(
        callOnPool("write to /b", () => assert.fail("it was called")),
        {
          message: "Cannot write to /b: " +
            "an earlier call, to read /a, has not returned yet",
        },
      );
      finish("late");
      await work;
      assert.equal(await callOnPool("add", () => Promise.resolve(3)), 3);
    });
  }

  test("that fails after it was given up is no error of anything", async () => {
    const { call, fail, work } = held();
    await assert.rejects(callOnPool("read /a", call, { limitMs: 1 }));
    fail(new Error("late"));
    await assert.rejects(work);
    assert.equal(await callOnPool("add", () => Promise.resolve(3)), 3);
  });

  test("is not begun once its signal has aborted", async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(
      callOnPool("read /a", () => assert.fail("it was called"), { signal }),
      { message: "Cannot read /a: given up" },
    );
  });
});
