import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { describe, test } from "node:test";
import {
  mountOf,
  mountOfDescriptor,
  parseMountinfo,
  readMounts,
} from "../../src/linux/mountinfo.ts";

const TEXT = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 0:25 / /run rw,nosuid shared:3 master:1 - tmpfs tmpfs rw,size=4k
29 27 254:1 / /data rw - xfs /dev/vdb rw
30 27 254:1 /sub /srv/with\\040blank\\011tab\\134 rw - xfs /dev/vdb rw
31 27 254:2 / /ro rw - ext4 /dev/vdc ro
32 27 254:3 / /bind-ro ro - ext4 /dev/vdd rw
33 27 0:40 / /btrfs rw - btrfs /dev/vde rw
34 27 0:41 / /nfs rw - nfs4 server:/x rw
35 29 7:0 / /data/inner rw - ext4 /dev/loop0 rw
36 27 0:42 / /umlaut-\\303\\244 rw - tmpfs tmpfs rw
`;
const MOUNTS = parseMountinfo(TEXT);

describe("mountinfo", () => {
  test("is read with its optional fields and octal escapes", () => {
    assert.deepEqual(MOUNTS[1], {
      id: 28,
      parent: 27,
      device: "0:25",
      mountPoint: "/run",
      type: "tmpfs",
      writable: true,
    });
    assert.equal(MOUNTS[3].mountPoint, "/srv/with blank\ttab\\");
    assert.equal(MOUNTS.at(-1)?.mountPoint, "/umlaut-ä");
    assert.deepEqual(
      MOUNTS.filter((mount) => !mount.writable).map((m) => m.mountPoint),
      ["/ro", "/bind-ro"],
    );
  });

  test("of another form is refused", () => {
    assert.throws(() => parseMountinfo("1 2 3\n"), {
      message: 'Cannot read mountinfo: "1 2 3"',
    });
  });

  test("of this machine has the root", () => {
    assert.equal(mountOf("/", readMounts()).mountPoint, "/");
  });

  test("a path lies on the deepest mount, the latest of the same", () => {
    const at = (path: string) => mountOf(path, MOUNTS).id;
    assert.equal(at("/runaway"), 27);
    assert.equal(at("/run/lull"), 28);
    assert.equal(at("/data/inner/x"), 35);
    const covered = parseMountinfo(
      TEXT + "40 29 7:1 / /data/inner rw - ext4 /dev/loop1 rw\n",
    );
    assert.equal(mountOf("/data/inner", covered).id, 40);
  });
});

test("an open file tells on which mount it lies", () => {
  const fd = openSync("/proc/self/status", "r");
  try {
    assert.equal(mountOfDescriptor(fd)?.mountPoint, "/proc");
  } finally {
    closeSync(fd);
  }
});
