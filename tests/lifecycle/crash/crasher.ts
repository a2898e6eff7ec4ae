/**
 * An agent that kills itself in the middle of a step:
 * crasher.ts STEP JOURNAL TARGET POINT
 */
import process from "node:process";
import { findScripts } from "../../../src/hooks/scripts.ts";
import { Journal, type Recorder } from "../../../src/lifecycle/journal.ts";
import type { Done, Step } from "../../../src/lifecycle/step.ts";
import { MountFreezer } from "../../../src/linux/mount_freezer.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { freezeMountsStep } from "../../../src/steps/freeze_mounts.ts";
import { hooksStep } from "../../../src/steps/hooks.ts";
import { workloadStep } from "../../../src/steps/workload.ts";
import {
  owedThaws,
  recoveryContext,
  SILENT,
  stepContext,
} from "../../support/hooks.ts";

const [name, directory, target, point] = process.argv.slice(-4);

function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal may take a moment; nothing more is done in it.
  for (;;);
}

function dieAt(here: string): void {
  if (here === point) die();
}

const real = new Journal(directory);
const journal: Recorder = {
  record(kind, change) {
    const recorded = real.record(kind, change);
    dieAt("recorded");
    return {
      update(change) {
        recorded.update(change);
        dieAt("updated");
      },
      erase() {
        dieAt("undone");
        recorded.erase();
      },
    };
  },
};

async function make(): Promise<Step> {
  switch (name) {
    case "workload":
      return workloadStep({ cgroups: [target], limitMs: 2000, journal });
    case "hooks":
      return hooksStep({
        hooks: () => findScripts({ directories: [target], limitMs: 2000 }),
        limitMs: 5000,
        ...{ journal, owed: owedThaws(), log: SILENT },
      });
    default: {
      const runtime = await loadRuntime();
      const workerUrl = new URL(
        "../../../src/linux/freezer_worker.ts",
        import.meta.url,
      );
      return freezeMountsStep({
        mounts: [target],
        all: false,
        holdLog() {},
        holdMs: 10_000,
        needed: () => [],
        journal,
        freezer: () => new MountFreezer({ runtime, workerUrl }),
        onError: console.error,
      });
    }
  }
}

const step = await make();
const done = await step.quiesce(stepContext()) as Done;
dieAt("done");
await done.undo!(recoveryContext());
