import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import type { Plan } from "../../src/lifecycle/make_plan.ts";
import type { StepContext } from "../../src/lifecycle/step.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { dryRun, type DryRunOptions } from "../../src/warm_up/dry_run.ts";
import { Rig } from "../faults/rig.ts";
import { realLibc } from "../support/libc.ts";
import { Raw } from "../support/raw.ts";
import { masksOf } from "../support/proc.ts";

/** The steps and repairs that take part, in the order in which they act. */
const QUIESCE = [
  ...["connections", "workload-connections", "evidence", "parallelism"],
];
const REPAIR = ["entropy", "clock", "reset-connections", "generation"];

/** A plan that notes who acts, and whether its context marks a dry run. */
function watched(plan: Plan, seen: string[]): Plan {
  const note = (name: string, { dryRun }: Pick<StepContext, "dryRun">) =>
    seen.push(dryRun ? name : `${name} for real`);
  const steps = (list: Plan["settle"]) =>
    list.map((step) => ({
      ...step,
      async quiesce(context: StepContext) {
        note(step.name, context);
        return await step.quiesce(context);
      },
    }));
  return {
    beforeReply: steps(plan.beforeReply),
    settle: steps(plan.settle),
    repairs: plan.repairs.map((one) => ({
      ...one,
      repair(context) {
        note(one.name, context);
        return one.repair(context);
      },
    })),
  };
}

function optionsOf(
  { plan, queue }: Rig,
  more: Partial<DryRunOptions> = {},
): DryRunOptions {
  return {
    ...{ plan, queue },
    evidence: () => Promise.resolve(undefined),
    onRunning() {},
    askHealth: () => Promise.resolve(),
    ...more,
  };
}

/** The C library; each call that would change something fails the test. */
async function readOnlyLibc(): Promise<Libc> {
  const libc = await realLibc();
  const refuse = (what: string) => () => assert.fail(`it ${what}`);
  return {
    ...libc,
    clock_settime: refuse("set the clock"),
    ioctl(fd, request, argument) {
      // linux/random.h: the requests of the random pool have the type 'R'.
      assert.notEqual(request! >> 8n & 0xffn, 0x52n, "it changed the pool");
      return libc.ioctl!(fd, request, argument);
    },
    send(socket, bytes, size, flags) {
      // struct nlmsghdr: SOCK_DIAG_BY_FAMILY lists, SOCK_DESTROY would be 21
      assert.equal(bytes![4] | bytes![5] << 8, 20, "it destroyed a connection");
      return libc.send!(socket, bytes, size, flags);
    },
  };
}

describe("a dry run", () => {
  test("is the real plan, of which only what is marked takes part", async () => {
    const seen: string[] = [];
    const rig = await Rig.start({ spoil: (plan) => watched(plan, seen) });
    try {
      const askHealth = () => Promise.resolve(seen.push("ask"));
      const onRunning = () => void seen.push("running");
      assert.deepEqual(
        await dryRun(optionsOf(rig, { askHealth, onRunning })),
        [],
      );
      assert.deepEqual(seen, [...QUIESCE, ...REPAIR, "running", "ask"]);
      seen.length = 0;
      await rig.round();
      assert.ok(seen.includes("hooks for real"));
      assert.ok(seen.includes("generation for real"));
    } finally {
      rig.end();
    }
  });

  test("leaves everything as it was", async () => {
    const masks = masksOf(process.pid);
    const rig = await Rig.start({ libc: await readOnlyLibc() });
    try {
      for (const _time of [1, 2]) {
        assert.deepEqual(await dryRun(optionsOf(rig)), []);
        await rig.assertAsBefore();
        assert.ok(!existsSync(`${rig.runtimeDirectory}/generation`));
        assert.ok(!existsSync(`${rig.runtimeDirectory}/journal`));
      }
      assert.equal(rig.lifecycle.generation, 0);
      for (const [thread, mask] of masksOf(process.pid)) {
        if (masks.has(thread)) assert.equal(mask, masks.get(thread));
      }
    } finally {
      rig.end();
    }
    const after = await Rig.start();
    try {
      await dryRun(optionsOf(after));
      const { held } = await after.round();
      assert.ok(held, "a prepare after it holds");
      const text = readFileSync(
        `${after.runtimeDirectory}/generation`,
        "utf8",
      );
      assert.equal(JSON.parse(text).generation, 1);
    } finally {
      after.end();
    }
  });

  test("keeps the connections of other callers", async () => {
    const rig = await Rig.start();
    try {
      const other = await Raw.open(rig.port);
      for (const _time of [1, 2]) {
        assert.deepEqual(await dryRun(optionsOf(rig)), []);
        other.request("GET", "/");
        const { headers, body } = await other.response();
        assert.equal(body, "here");
        assert.notEqual(headers.get("connection"), "close");
      }
      other.destroy();
    } finally {
      rig.end();
    }
  });

  test("says which parts of a recovery fail", async () => {
    const rig = await Rig.start({
      flags: ["--runtime-directory=/proc/self/stat/run"],
    });
    try {
      const [why, ...more] = await dryRun(optionsOf(rig));
      assert.match(why, /^generation: .*ENOTDIR/);
      assert.deepEqual(more, []);
    } finally {
      rig.end();
    }
  });

  test("fails, and is undone, if the evidence cannot be looked for", async () => {
    const rig = await Rig.start();
    try {
      const evidence = () => Promise.reject(new Error("no evidence"));
      await assert.rejects(dryRun(optionsOf(rig, { evidence })), /no evidence/);
      await rig.assertAsBefore();
    } finally {
      rig.end();
    }
  });
});
