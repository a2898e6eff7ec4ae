import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { repairOwed } from "../../src/hooks/owed_repair.ts";
import { findScripts } from "../../src/hooks/scripts.ts";
import { repairAfterCrash } from "../../src/lifecycle/repair_after_crash.ts";
import { MountFreezer } from "../../src/linux/mount_freezer.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { thawMounts } from "../../src/steps/frozen_mounts.ts";
import { thawWorkload } from "../../src/steps/frozen_workload.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { owedThaws, script, SILENT, temporary } from "../support/hooks.ts";

const runtime = await loadRuntime();
const workerUrl = new URL(
  "../../src/linux/freezer_worker.ts",
  import.meta.url,
);
const directory = temporary();
after(directory.remove);
let count = 0;

/** Runs an agent that is killed at that point; gives its journal. */
async function crash(step: string, target: string, point: string) {
  const journal = join(directory.path, `journal-${count++}`);
  const crasher = fileURLToPath(
    new URL("./crash/crasher.ts", import.meta.url).href,
  );
  const run = "deno" in process.versions
    ? ["run", "-A", "--no-check"]
    : ["run"];
  const child = spawn(process.execPath, [
    ...run,
    crasher,
    step,
    journal,
    target,
    point,
  ], { stdio: "inherit" });
  const signal = await new Promise((resolve) =>
    child.once("exit", (_, signal) => resolve(signal))
  );
  assert.equal(signal, "SIGKILL", `it was not killed at ${point}`);
  assert.equal(readdirSync(journal).length, 1, "it left its entry");
  return journal;
}

async function repair(journal: string, hooks: string) {
  const repaired = await repairAfterCrash(journal, {
    workload: thawWorkload(2000),
    mounts: thawMounts(() => new MountFreezer({ runtime, workerUrl })),
    hooks: repairOwed({
      hooks: () => findScripts({ directories: [hooks], limitMs: 2000 }),
      limitMs: 5000,
      ...{ owed: owedThaws(), log: SILENT },
    }),
  });
  assert.deepEqual(readdirSync(journal), [], "nothing is owed any more");
  assert.equal(repaired.length, 1);
  assert.equal(repaired[0].status, "repaired", repaired[0].reason ?? "");
  return repaired[0];
}

const noCgroups = withoutCgroups();
describe(`kill -9 with a workload${noCgroups ? `: ${noCgroups}` : ""}`, {
  skip: noCgroups,
}, () => {
  for (
    const [point, frozen] of [
      ["recorded", false],
      ["done", true],
      ["undone", false],
    ] as const
  ) {
    test(`at ${point}: the next agent thaws it`, async () => {
      using group = new TestCgroup();
      await group.run("while :; do sleep 0.01; done");
      const journal = await crash("workload", group.path, point);
      assert.equal(group.frozen, frozen);
      const { kind, effect } = await repair(journal, directory.path);
      assert.equal(kind, "workload");
      assert.deepEqual(effect?.thawed, [group.path]);
      assert.ok(!group.frozen);
    });
  }
});

const noDisks = withoutDisks();
describe(`kill -9 with a mount${noDisks ? `: ${noDisks}` : ""}`, {
  skip: noDisks,
}, () => {
  for (
    const [point, frozen] of [
      ["recorded", false],
      ["updated", true],
      ["done", true],
      ["undone", false],
    ] as const
  ) {
    test(`at ${point}: the next agent thaws it`, async () => {
      using disk = new TestDisk();
      const journal = await crash("mounts", disk.mountPoint, point);
      assert.ok(await (frozen ? disk.frozen() : disk.takesWrites()));
      const { kind, effect } = await repair(journal, directory.path);
      assert.equal(kind, "mounts");
      assert.deepEqual(effect?.thawed, frozen ? [disk.mountPoint] : []);
      assert.ok(await disk.takesWrites());
    });
  }
});

describe("kill -9 with hooks", () => {
  for (
    const [point, expected] of [
      ["recorded", []],
      ["updated", ["thaw a"]],
      ["done", ["freeze a", "freeze b", "thaw b", "thaw a"]],
      ["undone", [
        "freeze a",
        "freeze b",
        "thaw b",
        "thaw a",
        "thaw b",
        "thaw a",
      ]],
    ] as const
  ) {
    test(`at ${point}: the next agent calls the thaws it owes`, async () => {
      const hooks = join(directory.path, `hooks-${count}`);
      const log = join(directory.path, `log-${count}`);
      mkdirSync(hooks);
      for (const name of ["a", "b"]) {
        script(join(hooks, name), `#!/bin/sh\necho "$1" ${name} >> ${log}`);
      }
      const journal = await crash("hooks", hooks, point);
      await repair(journal, hooks);
      const lines = existsSync(log) ? readFileSync(log, "utf8") : "";
      assert.deepEqual(lines.split("\n").filter(Boolean), [...expected]);
    });
  }
});
