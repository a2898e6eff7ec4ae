import assert from "node:assert/strict";
import { test } from "node:test";
import { Audits } from "../../../src/dialects/e2b/audits.ts";
import type { Recovery } from "../../../src/lifecycle/reports.ts";

function recovery(generation: number, frozen?: number): Recovery {
  const steps = frozen === undefined ? [] : [{
    ...{ name: "workload", status: "done" as const, ms: 1 },
    effect: { audit: { frozen } },
  }];
  return { ...{ operation: "a", generation, steps } } as unknown as Recovery;
}

test("later calls have the audit for a minute, those that waited for the thaw in any case", () => {
  const audits = new Audits();
  const first = recovery(1, 3);
  assert.equal(audits.take(undefined, undefined, 0), undefined);
  assert.equal(audits.take(first, first, 10), '{"frozen":3}');
  // The report gets data that came late, and is another object then.
  assert.equal(audits.take(undefined, recovery(1, 3), 60_010), '{"frozen":3}');
  assert.equal(audits.take(undefined, first, 60_011), undefined);
  assert.equal(audits.take(first, first, 60_012), '{"frozen":3}');
  const next = recovery(2, 4);
  assert.equal(audits.take(undefined, next, 70_000), '{"frozen":4}');
  assert.equal(audits.take(undefined, recovery(3), 80_000), undefined);
});
