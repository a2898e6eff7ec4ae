import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kind } from "../../src/lifecycle/request.ts";
import { plan } from "../../src/lifecycle/make_plan.ts";
import { everyPart } from "../support/fake_plan.ts";

const LIMITS = { hooksLimitMs: 5000, workloadLimitMs: 2000, freezeHoldMs: 900 };

test("order, policy and limit of every step and repair", () => {
  const { beforeReply, settle, repairs } = plan(everyPart(), LIMITS);
  const rows = [...beforeReply, ...settle].map((step) =>
    [step.name, step.onFailure, step.limitMs, step.stopMs].join(" ") +
    (step.needsIdle ? " idle" : "")
  );
  assert.deepEqual(rows, [
    "hooks abort 14000 9000",
    "ports continue 15000 250",
    "workload abort 4500 2500",
    "filesystem continue 10000 250",
    "freeze-mounts abort 14900 8000",
    "wipe-credentials abort 5000 250",
    "memory continue 10000 250",
    "connections continue 5000 250",
    "workload-connections continue 5000 250",
    "mailbox continue 5000 250",
    "evidence continue 5000 250",
    "late-connections continue 5000 250",
    "idle-collector continue 1000 250",
    "collect continue 15000 250",
    "wipe-memory continue 60000 250",
    "zero continue 60000 250 idle",
    "parallelism continue 5000 250 idle",
  ]);
  assert.equal(settle[0].name, "late-connections");
  assert.deepEqual(repairs.map(({ name }) => name), [
    ...["mailbox", "entropy", "clock", "network"],
    ...["renew", "credentials", "env"],
    ...["reset-connections", "generation"],
  ]);
});

/** The names of the steps whose prepare of this kind has them. */
function stepsOf(kind: Kind): string[] {
  const { beforeReply, settle } = plan(everyPart(), LIMITS);
  return [...beforeReply, ...settle].filter(({ kinds }) => kinds.includes(kind))
    .map(({ name }) => name);
}

test("the steps of each kind of snapshot", () => {
  assert.deepEqual(stepsOf("disk"), [
    ...["hooks", "workload", "filesystem", "freeze-mounts"],
    ...["mailbox", "evidence"],
  ]);
  assert.deepEqual(stepsOf("diff"), [
    ...["hooks", "ports", "workload", "filesystem", "freeze-mounts"],
    "wipe-credentials",
    ...["connections", "workload-connections", "mailbox", "evidence"],
    ...["late-connections", "idle-collector", "wipe-memory", "parallelism"],
  ]);
  const extra = stepsOf("full").filter((name) =>
    !stepsOf("diff").includes(name)
  );
  assert.deepEqual(extra, ["memory", "collect", "zero"]);
});

test("a repair that writes files comes after the thaw of mounts", () => {
  const { beforeReply } = plan(everyPart(), LIMITS);
  assert.deepEqual(
    beforeReply.flatMap(({ name, undoBefore }) =>
      undoBefore === undefined ? [] : [`${name} before ${undoBefore}`]
    ),
    ["freeze-mounts before network"],
  );
});

test("each name stands for its own part", async () => {
  const { beforeReply, settle, repairs } = plan(everyPart(), LIMITS);
  for (const step of [...beforeReply, ...settle]) {
    assert.deepEqual(await step.quiesce({} as never), { skipped: step.name });
  }
  for (const { name, repair } of repairs) {
    assert.deepEqual(await repair({} as never), { skipped: name });
  }
});

test("a part that is not given is left out", () => {
  const { hooks, clock } = everyPart();
  const { beforeReply, settle, repairs } = plan({ hooks, clock }, LIMITS);
  assert.deepEqual(
    [...beforeReply, ...settle, ...repairs].map(({ name }) => name),
    ["hooks", "clock"],
  );
});
