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

/** Ends an operation; gives what was done at once, later, and at the next prepare. */
function end(operation: Operation): [string[], string[], string[]] {
  const seen: string[] = [];
  const note = (what: string) => () => void seen.push(what);
  const log = (message: string) => void seen.push(message);
  const queue = deferred();
  const atPrepare: (() => void)[] = [];
  onRecovered({
    queue,
    atPrepare: (action) => void atPrepare.push(action),
    metrics: { ended: note("count"), count: note("count durations") },
    guard: { forget: note("forget callers") },
    program: { record: note("record the working set") },
    registry: { save: note("save registrations") },
    ready: {
      isDue: false,
      release: () => Promise.reject(new Error("no program waits")),
    },
    generationFile: { ready: note("open the next generation's file") },
    releaseLog: note("release the log"),
    log: { info: log, error: log },
    logged: note("the log's context ends"),
  })(operation, recovery);
  const before = seen.splice(0);
  queue.flush();
  const later = seen.splice(0);
  for (const action of atPrepare) action();
  return [before, later, seen];
}

describe("what follows a recovery", () => {
  test("is done in order, and not before it is needed", () => {
    const operation = new Operation("op", 0);
    operation.quiescedMs = 1;
    assert.deepEqual(end(operation), [
      ["count", "forget callers"],
      [
        "save registrations",
        "release the log",
        "recovered",
        "the log's context ends",
      ],
      [
        "count durations",
        "record the working set",
        "open the next generation's file",
      ],
    ]);
  });

  test("records no working set for a prepare that failed", () => {
    assert.deepEqual(end(new Operation("op", 0)), [
      ["count", "forget callers"],
      [
        "save registrations",
        "release the log",
        "prepare undone",
        "the log's context ends",
      ],
      ["count durations", "open the next generation's file"],
    ]);
  });
});
