import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { onRecovered } from "../../src/agent/on_recovered.ts";
import { Operation } from "../../src/lifecycle/operation.ts";
import type { Recovery } from "../../src/lifecycle/reports.ts";
import { deferred } from "../support/deferred.ts";

const recovery: Recovery = {
  operation: "op",
  kind: "full",
  trigger: "health",
  outcome: "restored",
  generation: 1,
  ms: 2,
  steps: [],
};

/** Ends an operation; gives what was done before the deferred part, and in it. */
function end(operation: Operation): [string[], string[]] {
  const seen: string[] = [];
  const note = (what: string) => () => void seen.push(what);
  const log = (message: string) => void seen.push(message);
  const queue = deferred();
  onRecovered({
    queue,
    metrics: { ended: note("count") },
    guard: { forget: note("forget callers") },
    program: { record: note("record the working set") },
    registry: { save: note("save registrations") },
    generationFile: { ready: note("open the next generation's file") },
    releaseLog: note("release the log"),
    log: { info: log, error: log },
    logged: note("the log's context ends"),
  })(operation, recovery);
  const before = seen.splice(0);
  queue.flush();
  return [before, seen];
}

describe("what follows a recovery", () => {
  test("is done in order, the larger part after the reply", () => {
    const operation = new Operation("op", 0);
    operation.quiescedMs = 1;
    assert.deepEqual(end(operation), [
      ["count", "forget callers"],
      [
        "record the working set",
        "save registrations",
        "open the next generation's file",
        "release the log",
        "recovered",
        "the log's context ends",
      ],
    ]);
  });

  test("records no working set for a prepare that failed", () => {
    assert.deepEqual(end(new Operation("op", 0)), [
      ["count", "forget callers"],
      [
        "save registrations",
        "open the next generation's file",
        "release the log",
        "prepare undone",
        "the log's context ends",
      ],
    ]);
  });
});
