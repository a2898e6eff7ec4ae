/**
 * Every step and every repair of the real plan, failing in every way: the guest
 * is as before or reported as not so, and the next round works.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Parts } from "../../src/lifecycle/plan.ts";
import type { Done, Repair, Skipped, Step } from "../../src/lifecycle/step.ts";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { bad, Rig } from "./rig.ts";

const STEPS = [
  ...["hooks", "ports", "workload", "filesystem", "freezeMounts", "memory"],
  ...["connections", "workloadConnections", "evidence"],
  ...["lateConnections", "collect", "release", "parallelism"],
] as (keyof Parts)[];
const REPAIRS = [
  ...["entropy", "clock", "network", "resetConnections", "generation"],
] as (keyof Parts)[];

/** The limit of a step that will not keep it. */
const SHORT_MS = 40;

const never = () => new Promise<never>(() => {});
const fail = () => Promise.reject(new Error("injected"));

/** Replaces one part, for the first round alone. */
function once<T extends Step | Repair>(
  name: keyof Parts,
  change: (part: T) => Partial<T>,
): { spoil: (parts: Parts) => Parts; heal: () => void } {
  let healed = false;
  return {
    heal: () => void (healed = true),
    spoil(parts) {
      const part = parts[name] as T;
      const faulty = { ...part, ...change(part) };
      const current = () => healed ? part : faulty;
      const replaced = {
        name: part.name,
        onFailure: (part as Partial<Step>).onFailure,
        get limitMs() {
          return current().limitMs;
        },
        quiesce: (context: never) => (current() as Step).quiesce(context),
        repair: (context: never) => (current() as Repair).repair(context),
      };
      return { ...parts, [name]: replaced };
    },
  };
}

async function quiesced(
  step: Step,
  context: Parameters<Step["quiesce"]>[0],
  undo: (undo: NonNullable<Done["undo"]>) => Done["undo"],
): Promise<Done | Skipped> {
  const done = await step.quiesce(context);
  if ("skipped" in done) {
    return { effect: { skipped: done.skipped }, undo: undo(() => {}) };
  }
  return { ...done, undo: undo(done.undo ?? (() => {})) };
}

/** The next round is whole and leaves nothing. */
async function assertHealed(rig: Rig): Promise<void> {
  await rig.assertAsBefore();
  const { held, reports } = await rig.round();
  assert.ok(held);
  assert.deepEqual(bad(reports), []);
  await rig.assertAsBefore();
}

describe("a step that", () => {
  for (const name of STEPS) {
    for (
      const [how, status, quiesce] of [
        ["fails", "failed", fail],
        ["hangs", "timeout", never],
      ] as const
    ) {
      test(`${how}: ${name}`, async () => {
        const { spoil, heal } = once<Step>(name, () => ({
          quiesce,
          limitMs: SHORT_MS,
        }));
        const rig = await Rig.start({ spoil });
        try {
          const { held, reports } = await rig.round();
          const report = reports.find((one) => one.status === status);
          assert.ok(report?.reason, "it is said why");
          assert.equal(bad(reports).length, 1);
          const policy = held ? "continue" : "abort";
          const aborts = ["hooks", "workload", "freezeMounts"].includes(name);
          assert.equal(policy, aborts ? "abort" : "continue");
          heal();
          await assertHealed(rig);
        } finally {
          rig.end();
        }
      });
    }

    test(`ends past its limit: ${name}`, async () => {
      const { open, opened } = gate();
      let undone = 0;
      const { spoil, heal } = once<Step>(name, (step) => ({
        limitMs: SHORT_MS,
        async quiesce(context) {
          await opened;
          return await quiesced(step, context, (undo) => (context) => {
            undone++;
            return undo(context);
          });
        },
      }));
      const rig = await Rig.start({ spoil });
      try {
        const { reports } = await rig.round();
        assert.equal(bad(reports).length, 1);
        assert.match(bad(reports)[0], /timeout$/);
        assert.equal(undone, 0);
        heal();
        open();
        await until("the late undo", () => undone === 1);
        await assertHealed(rig);
        assert.equal(undone, 1);
      } finally {
        rig.end();
      }
    });

    for (
      const [how, status, after] of [
        ["fails", "failed", fail],
        ["hangs", "timeout", never],
      ] as const
    ) {
      test(`${how} to be undone: ${name}`, async () => {
        const { spoil, heal } = once<Step>(name, (step) => ({
          // Programs of the guest take more time on a busy machine.
          limitMs: name === "hooks" ? 2000 : 400,
          // What it did is undone all the same: the fault is in its last words.
          quiesce: (context) =>
            quiesced(step, context, (undo) => async (context) => {
              await undo(context);
              return await after();
            }),
        }));
        const rig = await Rig.start({ spoil });
        try {
          const { held, reports } = await rig.round();
          assert.ok(held);
          assert.equal(bad(reports).length, 1);
          assert.ok(bad(reports)[0].endsWith(status));
          heal();
          await assertHealed(rig);
        } finally {
          rig.end();
        }
      });
    }
  }
});

describe("a repair that", () => {
  for (const name of REPAIRS) {
    for (
      const [how, status, repair] of [
        ["fails", "failed", fail],
        ["hangs", "timeout", never],
      ] as const
    ) {
      test(`${how}: ${name}`, async () => {
        const { spoil, heal } = once<Repair>(name, () => ({
          repair,
          limitMs: SHORT_MS,
        }));
        const rig = await Rig.start({ spoil });
        try {
          const { held, reports } = await rig.round();
          assert.ok(held);
          assert.equal(bad(reports).length, 1);
          assert.ok(bad(reports)[0].endsWith(status));
          heal();
          await assertHealed(rig);
        } finally {
          rig.end();
        }
      });
    }
  }
});

test("without a C library everything that needs it is skipped, and said so", async () => {
  const rig = await Rig.start({ libc: {} });
  try {
    const { held, reports } = await rig.round();
    assert.ok(held);
    assert.deepEqual(bad(reports), []);
    const skipped = reports.filter(({ status }) => status === "skipped");
    assert.ok(skipped.every(({ reason }) => reason));
    assert.ok(skipped.some(({ name }) => name === "parallelism"));
    await rig.assertAsBefore();
  } finally {
    rig.end();
  }
});
