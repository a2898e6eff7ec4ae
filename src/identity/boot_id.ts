/**
 * The item boot-id: the id of this boot, random(4). The kernel never changes its own.
 * @module
 */
import type { Guest } from "./guest.ts";
import { dashed, type ItemEffect, newUuid } from "./item.ts";

const FILE = "/proc/sys/kernel/random/boot_id";

/** Mounts another id over the file; the kernel's file cannot be written. */
export async function renewBootId(guest: Guest): Promise<ItemEffect> {
  if (await guest.target(FILE) === undefined) {
    return { absent: `there is no ${FILE}` };
  }
  await guest.replace(FILE, `${dashed(newUuid())}\n`);
  return {};
}
