/**
 * The item dbus-id: the id of the machine for D-Bus, dbus-uuidgen(1). It is usually a link to
 * /etc/machine-id.
 * @module
 */
import type { Guest } from "./guest.ts";
import { type Earlier, type ItemEffect, newUuid } from "./item.ts";

const FILE = "/var/lib/dbus/machine-id";
const MACHINE_ID = "/etc/machine-id";

/** The new id equals the machine-id, if that was renewed. Effect: `follows` if it is a link to it. */
export async function renewDbusId(
  guest: Guest,
  { machineId }: Earlier,
): Promise<ItemEffect> {
  const target = await guest.target(FILE);
  if (target === undefined) return { absent: `there is no ${FILE}` };
  const renewed = await machineId;
  if (target === await guest.target(MACHINE_ID)) {
    return renewed === undefined
      ? { absent: `${FILE} is ${MACHINE_ID}; renew machine-id` }
      : { follows: "machine-id" };
  }
  await guest.replace(FILE, `${renewed ?? newUuid()}\n`);
  return {};
}
