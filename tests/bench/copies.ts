/**
 * Machines that all begin at the same moment of one guest's life.
 * @module
 */
import { accelerator } from "../vm/support/accel.ts";
import { bootUp } from "../vm/support/boot.ts";
import { buildImage, type ImageOptions } from "../vm/support/image.ts";
import {
  Machine,
  removeSnapshot,
  type Snapshot,
} from "../vm/support/machine.ts";
import { withRoom } from "./guest_history.ts";
import { median } from "./stats.ts";

export const MIB = 2 ** 20;

/** Snapshots of a prepared guest; their median counts. */
const REPEATS = 3;

/** Boots, waits, and gives a snapshot that runs start from. */
export async function baseOf(
  options: ImageOptions,
  up: (machine: Machine) => Promise<unknown>,
): Promise<Snapshot> {
  const image = withRoom(buildImage(options, () => {}));
  const accel = await accelerator();
  await using machine = await bootUp({ image, accel }, up);
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
 * The median MiB of such machines, each made anew, and the median of whatever
 * else is measured of it afterwards. How much of the freed memory a prepare
 * happens to reach differs by as much as an agent is large.
 */
export async function medianBytes(
  make: () => Promise<Machine>,
  measure?: (machine: Machine) => Promise<number>,
): Promise<{ bytes: number; measured: number }> {
  const sizes: number[] = [];
  const others: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    await using machine = await make();
    sizes.push(await bytesOf(machine));
    if (measure === undefined) continue;
    await machine.cont();
    others.push(await measure(machine));
  }
  return { bytes: median(sizes), measured: median(others) };
}
