/**
 * The item machine-id: machine-id(5), and the identifiers of DHCP that derive from it.
 * @module
 */
import { renewDhcpIds } from "./dhcp_ids.ts";
import type { Guest } from "./guest.ts";
import { type ItemEffect, newUuid } from "./item.ts";
import { restartServices } from "./systemd.ts";

const FILE = "/etc/machine-id";

/** Daemons that have read the machine-id and use it as long as they run. */
const READERS = ["systemd-journald", "systemd-hostnamed"];

/** The machine-id in its file; undefined if there is none, as in an image that has not booted yet. */
export async function readMachineId(guest: Guest): Promise<string | undefined> {
  return /^[0-9a-f]{32}$/m.exec(await guest.read(FILE) ?? "")?.[0];
}

/** Effect: `derived`, the files of DHCP clients; `restarted`, the daemons that read the id again. */
export async function renewMachineId(
  guest: Guest,
  onRenewed: (id: string) => void,
): Promise<ItemEffect> {
  if (await readMachineId(guest) === undefined) {
    return { absent: `${FILE} has no machine-id` };
  }
  const id = newUuid();
  await guest.replace(FILE, `${id}\n`);
  onRenewed(id);
  const { derived, kept, services } = await renewDhcpIds(guest, id);
  const restarted = await restartServices(guest, [...READERS, ...services]);
  return {
    ...derived.length > 0 ? { derived } : {},
    ...kept.length > 0 ? { kept } : {},
    ...restarted.length > 0 ? { restarted } : {},
  };
}
