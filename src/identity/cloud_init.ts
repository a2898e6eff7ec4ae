/**
 * The item cloud-init: the instance id that cloud-init compares at the next boot, and tells
 * programs until then.
 * @module
 */
import type { Guest } from "./guest.ts";
import { dashed, type ItemEffect, newUuid } from "./item.ts";

const DATA = "/var/lib/cloud/data";
const FILE = `${DATA}/instance-id`;
/** The same id for programs: a text, and documents of JSON. */
const TEXT = "/run/cloud-init/.instance-id";
const DOCUMENTS = [
  "/run/cloud-init/instance-data.json",
  "/run/cloud-init/instance-data-sensitive.json",
];

/** Effect: `files`. */
export async function renewCloudInit(guest: Guest): Promise<ItemEffect> {
  const former = (await guest.read(FILE))?.trim();
  if (!former) return { absent: `there is no ${FILE}` };
  const id = `i-${dashed(newUuid())}`;
  const files: string[] = [];
  const replace = async (file: string, text: string | undefined) => {
    if (text === undefined || await guest.target(file) === undefined) return;
    await guest.replace(file, text);
    files.push(file);
  };
  await replace(FILE, `${id}\n`);
  await replace(`${DATA}/previous-instance-id`, `${former}\n`);
  await replace(TEXT, `${id}\n`);
  for (const file of DOCUMENTS) {
    const text = await guest.read(file);
    const quoted = JSON.stringify(former);
    await replace(file, text?.replaceAll(quoted, () => JSON.stringify(id)));
  }
  return { files };
}
