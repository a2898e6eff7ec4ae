/**
 * Kinds of snapshot: which steps take part, what the report says, who may join.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OtherKind, OtherOperation } from "../../src/lifecycle/errors.ts";
import type { Kind } from "../../src/lifecycle/request.ts";
import { type FakeStep, gate } from "../support/fake_plan.ts";
import { quiesce, start } from "./rig.ts";

const STEPS: FakeStep[] = [
  { name: "always" },
  { name: "memory", kinds: ["full", "diff"] },
];
const SETTLE: FakeStep[] = [{ name: "whole", kinds: ["full"] }];

describe("the kind of a prepare", () => {
  test("leaves steps out, and the report says so", async () => {
    const { lifecycle, seen } = start(STEPS, SETTLE);
    const operation = await lifecycle.prepare({ kind: "disk" });
    assert.ok(await lifecycle.settle(operation));
    assert.equal(operation.kind, "disk");
    assert.deepEqual(seen, ["do always", "quiet"]);
    const [always, ...left] = operation.reports;
    assert.equal(always.status, "done");
    const reason = "left out by kind disk";
    assert.deepEqual(left, [
      { name: "memory", status: "skipped", ms: 0, reason },
      { name: "whole", status: "skipped", ms: 0, reason },
    ]);
    const { recovery } = await lifecycle.recover({ trigger: "health" });
    assert.equal(recovery?.kind, "disk");
    assert.deepEqual(seen.slice(2), ["repair", "undo always", "running"]);
  });

  test("is the configured one if the prepare names none, else full", async () => {
    for (const kind of [undefined, "diff"] as const) {
      const { lifecycle } = start(STEPS, SETTLE, { kind });
      assert.equal((await quiesce(lifecycle)).kind, kind ?? "full");
      await lifecycle.recover({ trigger: "health" });
      const other = await lifecycle.prepare({ kind: "disk" });
      assert.equal(other.kind, "disk", "a request wins");
      await lifecycle.recover({ trigger: "health" });
    }
  });

  test("is known to steps, undos and the undo of a failed prepare", async () => {
    const kinds: Kind[] = [];
    const { lifecycle } = start([
      {
        name: "a",
        quiesce: ({ kind }) => void kinds.push(kind),
        undo: ({ kind }) => void kinds.push(kind),
      },
      {
        name: "b",
        kinds: ["disk"],
        quiesce: () => Promise.reject(Error("no")),
      },
    ], []);
    await lifecycle.prepare({ kind: "diff" });
    await lifecycle.recover({ trigger: "health" });
    await assert.rejects(lifecycle.prepare({ kind: "disk" }), /no/);
    assert.deepEqual(kinds, ["diff", "diff", "disk", "disk"]);
  });
});

describe("a prepare that meets an operation of another kind", () => {
  test("is refused while that prepares and while it is quiesced", async () => {
    const { open, opened } = gate();
    const { lifecycle } = start([{ name: "a", quiesce: () => opened }]);
    const first = lifecycle.prepare({ kind: "diff", lease: 5 });
    const other = { kind: "full", lease: 50 } as const;
    await assert.rejects(lifecycle.prepare(other), OtherKind);
    open();
    await first;
    await assert.rejects(lifecycle.prepare(other), OtherKind);
    assert.equal(lifecycle.lease.seconds, 5, "it changed nothing");
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "health" });
    assert.equal((await lifecycle.prepare(other)).kind, "full");
    await lifecycle.recover({ trigger: "health" });
  });

  test("joins if it names the same kind or none", async () => {
    const { lifecycle } = start(STEPS, SETTLE);
    const first = await lifecycle.prepare({ kind: "diff" });
    assert.equal(await lifecycle.prepare({ kind: "diff" }), first);
    assert.equal(await lifecycle.prepare(), first);
    await assert.rejects(
      lifecycle.prepare({ operation: "another", kind: "full" }),
      OtherOperation,
    );
    await lifecycle.recover({ trigger: "health" });
  });
});

test("a step that names a repair is undone before that repair", async () => {
  const { lifecycle, seen } = start([
    { name: "a" },
    { name: "early", undoBefore: "repair" },
    { name: "b" },
  ], []);
  await lifecycle.prepare();
  await lifecycle.recover({ trigger: "health" });
  assert.deepEqual(seen.slice(4), [
    ...["undo early", "repair", "undo b", "undo a", "running"],
  ]);
});
