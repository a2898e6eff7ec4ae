/**
 * Makes the repairers: the functions with which an agent that starts undoes what a killed agent has
 * left. Also has the parts that they share with the steps.
 * @module
 */
import type { Hook } from "../hooks/hook.ts";
import { repairOwed } from "../hooks/owed_repair.ts";
import { findScripts } from "../hooks/scripts.ts";
import { envFileOf, readHookVariables } from "../identity/env_file.ts";
import type { Repairer } from "../lifecycle/repair_after_crash.ts";
import { MountFreezer } from "../linux/mount_freezer.ts";
import { failureLogger, logOf } from "../log/mod.ts";
import { thawMounts } from "../steps/frozen_mounts.ts";
import { finishNetwork } from "../steps/network.ts";
import type { Components } from "./components.ts";

/** Makes the functions that undo the changes of a killed agent, by kind of change. */
export function createRepairers(
  { config, registry, owed, runtime, freezerUrl, libc }: Pick<
    Components,
    "config" | "registry" | "owed" | "runtime" | "freezerUrl" | "libc"
  >,
): Record<string, Repairer> {
  const log = logOf("hooks");
  return {
    hooks: repairOwed({
      hooks() {
        let scripts: Hook[] = [];
        try {
          scripts = scriptsOf(config);
        } catch (error) {
          // The programs get their thaw nevertheless; the scripts are still owed theirs.
          failureLogger(log, "hooks cannot be found")(error);
        }
        return [...scripts, ...registry.hooks()];
      },
      limitMs: config.hooksLimitMs,
      ...{ owed, log },
    }),
    async workload(change) {
      const { thawWorkload } = await import("../steps/frozen_workload.ts");
      return await thawWorkload(config.workloadLimitMs)(change);
    },
    network: finishNetwork(networkOptions({ config, libc })),
    mounts: thawMounts(() => startFreezer({ runtime, freezerUrl })),
  };
}

/** The directory of the journal. */
export function journalDirectory(runtimeDirectory: string): string {
  return `${runtimeDirectory}/journal`;
}

/** The hook scripts that are there now, in the order of freeze. */
export function scriptsOf(config: Components["config"]): Hook[] {
  return findScripts({
    directories: config.hookDirectories,
    limitMs: config.hookLimitMs,
    continueOn: config.hookContinue,
    variables: () => readHookVariables(envFileOf(config.runtimeDirectory)),
  });
}

/** What the network identity needs, as a repair and at the start. */
export function networkOptions(
  { config, libc }: Pick<Components, "config" | "libc">,
) {
  const { forwardAddress: forwardAddresses, runtimeDirectory } = config;
  return { libc, forwardAddresses, directory: runtimeDirectory };
}

/** Starts the worker that freezes and thaws mounts. */
export function startFreezer(
  { runtime, freezerUrl }: Pick<Components, "runtime" | "freezerUrl">,
): MountFreezer {
  return new MountFreezer({ runtime, workerUrl: freezerUrl });
}
