/**
 * The step that freezes mounts, with a real freezer and a journal that only remembers.
 * @module
 */
import { mountOf, readMounts } from "../../src/linux/mountinfo.ts";
import { MountFreezer } from "../../src/linux/mount_freezer.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import {
  type FreezeMountsOptions,
  freezeMountsStep,
} from "../../src/steps/freeze_mounts.ts";
import { fakeJournal } from "../support/hooks.ts";
import type { TestDisk } from "../support/disk.ts";

const runtime = await loadRuntime();
const workerUrl = new URL(
  "../../src/linux/freezer_worker.ts",
  import.meta.url,
);

/** Starts a thread that freezes mounts. */
export function realFreezer(): MountFreezer {
  return new MountFreezer({ runtime, workerUrl });
}

/** The step for these mounts; `all` counts only if there are none. */
export function freezeStep(
  mounts: readonly string[],
  more: Partial<FreezeMountsOptions> = {},
) {
  const journal = fakeJournal();
  const errors: unknown[] = [];
  const step = freezeMountsStep({
    mounts,
    all: true,
    holdLog() {},
    holdMs: 10_000,
    needed: () => [],
    journal,
    freezer: realFreezer,
    onError: (error) => errors.push(error),
    ...more,
  });
  return { step, journal, errors };
}

/** A real freezer, and the mounts of these disks. */
export function freezerOf(...disks: TestDisk[]) {
  const all = readMounts();
  const mounts = disks.map(({ mountPoint }) => {
    const { device } = mountOf(mountPoint, all);
    return { mountPoint, device };
  });
  return { mounts, freezer: realFreezer() };
}
