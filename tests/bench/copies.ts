/**
 * Machines that all begin at the same moment of one guest's life.
 * @module
 */
import { accelerator } from "../vm/support/accel.ts";
import { buildImage, type ImageOptions } from "../vm/support/image.ts";
import {
  Machine,
  removeSnapshot,
  type Snapshot,
} from "../vm/support/machine.ts";
import { withRoom } from "./guest_history.ts";
import { median } from "./stats.ts";

export const MIB = 2 ** 20;

/** Snapshots of the guest without the history; their median counts. */
const REPEATS = 3;

/** Boots, waits, and gives a snapshot that runs start from. */
export async function baseOf(
  options: ImageOptions,
  up: (machine: Machine) => Promise<unknown>,
): Promise<Snapshot> {
  const image = withRoom(buildImage(options, () => {}));
  await using machine = await Machine.boot({
    image,
    accel: await accelerator(),
  });
  await up(machine);
  return await machine.snapshot();
}

/** A machine that goes on where the base stood. */
export async function copyOf(base: Snapshot): Promise<Machine> {
  const machine = await Machine.restore(base, "same");
  await machine.cont();
  return machine;
}

/** MiB of a snapshot of it. */
export async function bytesOf(machine: Machine): Promise<number> {
  const snapshot = await machine.snapshot();
  removeSnapshot(snapshot);
  return snapshot.bytes / MIB;
}

/**
 * MiB of a prepared guest that has done nothing before. How much freed
 * memory a prepare happens to reach differs by more than an agent is large;
 * here there is none.
 */
export async function withoutHistory(
  base: Snapshot,
  prepare: (machine: Machine) => Promise<unknown>,
): Promise<number> {
  const sizes: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    await using machine = await copyOf(base);
    await prepare(machine);
    sizes.push(await bytesOf(machine));
  }
  return median(sizes);
}
