/**
 * Syncs a mount, and aborts at once, many times; prints whether a mount could not be unmounted after
 * that. Runs in mounts of its own.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { readMounts } from "../../../src/linux/mountinfo.ts";
import { MountSyncer } from "../../../src/linux/mount_syncer.ts";
import { temporary } from "../hooks.ts";
import { realLibc } from "../libc.ts";
import { until } from "../until.ts";

const ROUNDS = 20;

const { path, remove } = temporary();
const syncer = new MountSyncer(await realLibc(), {
  // As if it were a disk.
  readMounts: () =>
    readMounts().filter(({ mountPoint }) => mountPoint === path)
      .map((mount) => ({ ...mount, type: "ext4", device: "254:77" })),
});
let busy = false;
for (let round = 0; round < ROUNDS && !busy; round++) {
  spawnSync("mount", ["-t", "tmpfs", "tmpfs", path]);
  const abort = new AbortController();
  const syncing = syncer.sync(abort.signal).catch(() => {});
  if (round % 2 === 1) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await syncing;
  try {
    await until("the unmount", () => {
      return spawnSync("umount", [path]).status === 0;
    }, 5000);
  } catch {
    busy = true;
    spawnSync("umount", ["-l", path]);
  }
}
remove();
console.log(JSON.stringify({ busy }));
process.exit(0);
