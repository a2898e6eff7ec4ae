import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FreezeMountsOptions } from "../../src/steps/freeze_mounts.ts";
import { stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { freezeStep } from "./freeze_step.ts";

describe("a thread that does not answer", () => {
  test("is given up: the known are thawed, the rest when it is free", async () => {
    const calls: string[] = [];
    let free = () => {};
    let asked = 0;
    const { step, journal, errors } = freezeStep(["/"], {
      freezer: () => ({
        freeze: () => Promise.reject(new Error("not done within 9 ms")),
        thaw(limitMs) {
          calls.push(`thaw ${limitMs}`);
          if (asked++ === 0) return Promise.reject(new Error("stuck"));
          return new Promise((resolve) =>
            free = () =>
              resolve({
                thawed: ["/"],
                notFrozen: [],
                failed: [],
                expired: false,
                heldMs: 1,
              })
          );
        },
        thawKnown() {
          calls.push("known");
          return Promise.resolve(["no such mount"]);
        },
        resolve: () => assert.fail("it is the name of a mount point"),
        waitsFor: "/",
        end() {
          calls.push("end");
          return Promise.resolve();
        },
      }),
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /not done within 9 ms/,
    );
    assert.deepEqual(calls, ["thaw 1000", "known", "thaw Infinity"]);
    assert.deepEqual(errors.map(String), ["Error: stuck", "no such mount"]);
    assert.equal(journal.written.size, 1, "it may still freeze");
    free();
    await until("the end", () => calls.at(-1) === "end");
    assert.equal(journal.written.size, 0);
  });
});

describe("a path that does not answer", () => {
  /** A freezer whose thread is stuck in the links of a path until it is freed. */
  function stuckFreezer() {
    let waitsFor: string | undefined;
    const calls: string[] = [];
    const freezer: ReturnType<FreezeMountsOptions["freezer"]> = {
      resolve(paths, limitMs, signal) {
        calls.push(`resolve ${paths} ${limitMs}`);
        [waitsFor] = paths;
        return new Promise((_, reject) =>
          signal?.addEventListener("abort", () => reject(new Error("given up")))
        );
      },
      get waitsFor() {
        return waitsFor;
      },
      freeze: () => assert.fail("it has not resolved the path"),
      thaw: () => assert.fail("it has frozen nothing"),
      thawKnown: () => assert.fail("it has frozen nothing"),
      end() {
        calls.push("end");
        return Promise.resolve();
      },
    };
    return { calls, freezer, free: () => waitsFor = undefined };
  }

  test("is given up with the signal, and waited for by one thread", async () => {
    const { calls, freezer, free } = stuckFreezer();
    const { step, journal, errors } = freezeStep(["/no/mount"], {
      freezer: () => freezer,
    });
    const abort = new AbortController();
    const freezing = step.quiesce(stepContext(abort.signal));
    abort.abort();
    await assert.rejects(async () => await freezing, /given up/);
    assert.deepEqual(calls, ["resolve /no/mount 5000", "end"]);
    assert.equal(journal.written.size, 0, "nothing was frozen");
    await assert.rejects(async () => await step.quiesce(stepContext()), {
      message: "Cannot freeze mounts: " +
        "/no/mount has not answered an earlier prepare yet",
    });
    assert.equal(calls.length, 2);
    free();
    const again = step.quiesce(stepContext(AbortSignal.timeout(1)));
    await assert.rejects(async () => await again, /given up/);
    assert.equal(calls.length, 4);
    assert.deepEqual(errors, []);
  });
});
