/**
 * Every step and every repair of the real plan, failing in every way: the guest
 * is as before or reported as not so, and the next round works.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Plan,
  plan,
  type PlannedRepair,
  type PlannedStep,
} from "../../src/lifecycle/make_plan.ts";
import type { Done, Skipped } from "../../src/lifecycle/step.ts";
import { everyPart, gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";
import { bad, Rig } from "./rig.ts";

const LIMITS = { hooksLimitMs: 1, workloadLimitMs: 1, freezeHoldMs: 1 };
const { beforeReply, settle, repairs } = plan(everyPart(), LIMITS);
const STEPS = [...beforeReply, ...settle].map(({ name }) => name);
const REPAIRS = repairs.map(({ name }) => name);

/** The limit of a step that will not keep it. */
const SHORT_MS = 40;

const never = () => new Promise<never>(() => {});
const fail = () => Promise.reject(new Error("injected"));

/** Replaces one step or repair, for the first round alone. */
function once<T extends PlannedStep | PlannedRepair>(
  name: string,
  change: (part: T) => Partial<T>,
): { spoil: (plan: Plan) => Plan; heal: () => void } {
  let healed = false;
  const replace = <P extends PlannedStep | PlannedRepair>(part: P): P => {
    if (part.name !== name) return part;
    const faulty = { ...part, ...change(part as unknown as T) } as P;
    const current = () => healed ? part : faulty;
    return {
      ...part,
      get limitMs() {
        return current().limitMs;
      },
      get stopMs() {
        return (current() as PlannedStep).stopMs;
      },
      quiesce: (context: never) => (current() as PlannedStep).quiesce(context),
      repair: (context: never) => (current() as PlannedRepair).repair(context),
    };
  };
  return {
    heal: () => void (healed = true),
    spoil: ({ beforeReply, settle, repairs }) => ({
      beforeReply: beforeReply.map(replace),
      settle: settle.map(replace),
      repairs: repairs.map(replace),
    }),
  };
}

async function quiesced(
  step: PlannedStep,
  context: Parameters<PlannedStep["quiesce"]>[0],
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

/** No prepare begins while what the last recovery did goes on. */
async function assertRefused(rig: Rig, name: string): Promise<void> {
  await assert.rejects(
    rig.lifecycle.prepare(),
    new RegExp(`undo of ${name} in the last operation still runs`),
  );
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
        const { spoil, heal } = once<PlannedStep>(name, () => ({
          quiesce,
          limitMs: SHORT_MS,
          stopMs: SHORT_MS,
        }));
        const rig = await Rig.start({ spoil });
        try {
          const { held, reports } = await rig.round();
          const report = reports.find((one) => one.status === status);
          assert.ok(report?.reason, "it is said why");
          assert.equal(bad(reports).length, 1);
          const policy = held ? "continue" : "abort";
          const aborts = [
            ...["hooks", "workload", "freeze-mounts", "wipe-credentials"],
          ].includes(name);
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
      const { spoil, heal } = once<PlannedStep>(name, (step) => ({
        limitMs: SHORT_MS,
        stopMs: SHORT_MS,
        async quiesce(context) {
          await opened;
          // A step that was not told to stop, or does not listen.
          const { signal } = new AbortController();
          const deaf = { ...context, signal };
          return await quiesced(step, deaf, (undo) => (context) => {
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

    for (const [how, status] of [["fails", "failed"], ["hangs", "timeout"]]) {
      test(`${how} to be undone: ${name}`, async () => {
        const { open, opened } = gate();
        const after = how === "fails" ? fail : () => opened;
        const { spoil, heal } = once<PlannedStep>(name, (step) => ({
          // Programs of the guest take more time on a busy machine.
          limitMs: name === "hooks" ? 2000 : 400,
          // What it did is undone all the same: the fault is in its last words.
          quiesce: (context) =>
            quiesced(step, context, (undo) => async (context) => {
              await undo(context);
              await after();
            }),
        }));
        const rig = await Rig.start({ spoil });
        try {
          const { held, reports } = await rig.round();
          assert.ok(held);
          assert.equal(bad(reports).length, 1);
          assert.ok(bad(reports)[0].endsWith(status));
          heal();
          if (how === "hangs") await assertRefused(rig, name);
          open();
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
    for (const [how, status] of [["fails", "failed"], ["hangs", "timeout"]]) {
      test(`${how}: ${name}`, async () => {
        const { open, opened } = gate();
        const repair = how === "fails" ? fail : async () => {
          await opened;
          return {};
        };
        const { spoil, heal } = once<PlannedRepair>(name, () => ({
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
          if (how === "hangs") await assertRefused(rig, name);
          open();
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
