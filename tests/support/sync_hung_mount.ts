/**
 * Syncs the FUSE mounts that it sees as if they were disks, twice; prints the
 * words of both failures.
 */
import process from "node:process";
import { readMounts } from "../../src/linux/mountinfo.ts";
import { MountSyncer } from "../../src/linux/mount_syncer.ts";
import { realLibc } from "./libc.ts";

const mounts = readMounts().filter(({ type }) => type === "fuse")
  .map((mount) => ({ ...mount, type: "ext4", device: "254:77" }));
const syncer = new MountSyncer(await realLibc(), {
  limitMs: 200,
  readMounts: () => mounts,
});
const failures: string[] = [];
for (let i = 0; i < 2; i++) {
  await syncer.sync().catch((error) => failures.push(error.message));
}
console.log(JSON.stringify(failures));
process.exit(0);
