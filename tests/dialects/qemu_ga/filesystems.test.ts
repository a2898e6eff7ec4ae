import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { isOnDisk } from "../../../src/linux/filesystem_types.ts";
import { mountOf, readMounts } from "../../../src/linux/mountinfo.ts";
import { HungMount, withoutFuse } from "../../support/hung_mount.ts";
import { commandFor } from "../../support/namespace/mod.ts";

/** A directory that is on a disk on most machines. */
const DIRECTORY = "/usr";
const SCRIPT = new URL("../../support/covered_disk.ts", import.meta.url);

describe("the filesystems that the host asks for", () => {
  const skip = withoutFuse() ||
    (isOnDisk(mountOf(DIRECTORY, readMounts()))
      ? false
      : `${DIRECTORY} is on no disk`);
  test(
    `leave a disk alone that a FUSE mount covers: ${
      skip || "it never answers"
    }`,
    { skip },
    () => {
      using mount = new HungMount("nothing");
      const { mountPoint, prefix } = mount;
      const { stdout, stderr } = spawnSync("unshare", [
        ...["--mount", "--propagation", "private", "bash", "-c"],
        'mount --bind "$0" "$1"; shift; exec "$@"',
        ...[DIRECTORY, mountPoint, ...prefix],
        ...[...commandFor(SCRIPT), mountPoint],
      ], { encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" });
      assert.deepEqual(JSON.parse(stdout || `"${stderr}"`), {
        keys: ["name", "mountpoint", "type", "disk"],
        isFree: true,
      });
    },
  );
});
