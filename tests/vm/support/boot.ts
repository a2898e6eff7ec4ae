/**
 * A machine that is up.
 * @module
 */
import { type BootOptions, Machine } from "./machine.ts";

/**
 * Linux patches its own code while it boots, and QEMU 7.2, emulating several
 * processors at once, now and then runs half of a patch: the kernel panics.
 */
export const BOOT_TRIES = 3;

/**
 * Boots a machine and waits until it is `up`. Where the kernel of an emulated
 * one panics meanwhile, that machine is killed, which is said, and another
 * boots; any other failure is told as it is, the machine killed.
 */
export async function bootUp(
  options: BootOptions,
  up: (machine: Machine) => Promise<unknown>,
  say: (line: string) => void = console.error,
  tries = BOOT_TRIES,
): Promise<Machine> {
  const machine = await Machine.boot(options);
  try {
    await up(machine);
    return machine;
  } catch (error) {
    const { panicked } = machine;
    await machine.kill();
    if (!panicked || options.accel === "kvm" || tries === 1) throw error;
    say("the guest's kernel panicked as it booted: once more");
    return await bootUp(options, up, say, tries - 1);
  }
}
