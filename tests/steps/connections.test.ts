/**
 * Callers that wait for a reply while the guest is quiesced.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Outcome } from "../../src/lifecycle/request.ts";
import type { RecoveryContext } from "../../src/lifecycle/step.ts";
import { connectionsStep } from "../../src/steps/connections.ts";

/** What the undo of the step does with the connections of waiting callers. */
async function undone(outcome: Outcome, wasQuiesced = true): Promise<string> {
  let done = "";
  const step = connectionsStep(
    {
      quiesce: () => Promise.resolve({ closed: 0, recorded: 1 }),
      recover(waiting) {
        done = waiting;
        return { zombies: 0 };
      },
    },
    { start() {}, stop() {} },
    { defer: (action) => action() },
  );
  const signal = new AbortController().signal;
  const { undo } = await step.quiesce({
    ...{ operation: "op", generation: 0, kind: "full", signal },
  }) as { undo: (context: RecoveryContext) => unknown };
  await undo({ wasQuiesced, outcome } as RecoveryContext);
  return done;
}

describe("a caller that waits for its reply", () => {
  test("is gone after a restore", async () => {
    assert.equal(await undone("restored"), "close");
  });

  for (const outcome of ["resumed", "expired", "aborted"] as const) {
    test(`gets it at outcome ${outcome}`, async () => {
      assert.equal(await undone(outcome), "keep");
    });
  }

  test("gets it if the prepare failed", async () => {
    assert.equal(await undone("aborted", false), "keep");
  });
});
