import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chooseDisks } from "../../src/linux/disks.ts";
import {
  mountOf,
  parseMountinfo,
  readMounts,
} from "../../src/linux/mountinfo.ts";
import {
  mountsToFreeze,
  neededPaths,
  pathsToResolve,
} from "../../src/linux/mounts.ts";
import { realPath } from "../../src/linux/real_paths.ts";

const ROOT = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";

/** The mount points of what is synced, and what is left alone. */
function chosen(text: string): { disks: string[]; leftAlone: string[] } {
  const { disks, leftAlone } = chooseDisks(parseMountinfo(ROOT + text));
  return {
    disks: disks.map((mounts) => mounts.map((m) => m.mountPoint).join("|")),
    leftAlone: [...leftAlone],
  };
}

describe("the filesystems to sync", () => {
  test("are the writable ones on disks, each once with all its mounts", () => {
    assert.deepEqual(
      chosen(`28 27 0:25 / /run rw - tmpfs tmpfs rw
29 27 254:1 / /data rw - xfs /dev/vdb rw
30 27 254:1 /sub /srv rw - xfs /dev/vdb rw
31 27 254:2 / /ro rw - ext4 /dev/vdc ro
32 27 254:3 / /bind-ro ro - ext4 /dev/vdd rw
33 27 0:40 / /btrfs rw - btrfs /dev/vde rw
34 27 0:41 / /tank rw - zfs tank/home rw
35 29 7:0 / /data/inner rw - ext4 /dev/loop0 rw
36 27 0:42 / /merged rw - overlay overlay rw,upperdir=/data/upper
37 27 0:43 / /secret rw - ecryptfs /data/lower rw
`),
      {
        disks: ["/", "/data|/srv", "/btrfs", "/tank", "/data/inner"],
        leftAlone: [],
      },
    );
  });

  for (
    const type of [
      ...["fuse", "fuse.sshfs", "fuseblk", "virtiofs", "nfs", "nfs4", "cifs"],
      ...["smb3", "9p", "ceph", "afs", "fuse.glusterfs", "lustre", "gfs2"],
    ]
  ) {
    test(`are none of type ${type}, whatever its source is called`, () => {
      for (const device of ["0:41", "254:7"]) {
        for (const source of ["/dev/vda", "/dev/fuse", "server:/x", ""]) {
          assert.deepEqual(
            chosen(`34 27 ${device} / /mnt rw - ${type} ${source} rw\n`),
            { disks: ["/"], leftAlone: ["/mnt"] },
          );
        }
      }
    });
  }

  test("are not reached through a filesystem that may not answer", () => {
    const sshfs = "34 27 0:41 / /mnt rw - fuse.sshfs host: rw\n";
    // A disk below it, and one that it covers.
    assert.deepEqual(
      chosen(sshfs + "35 34 254:5 / /mnt/a/disk rw - ext4 /dev/vdf rw\n"),
      { disks: ["/"], leftAlone: ["/mnt", "/mnt/a/disk"] },
    );
    assert.deepEqual(
      chosen(
        "33 27 254:5 / /mnt rw - ext4 /dev/vdf rw\n" +
          "34 33 0:41 / /mnt rw - fuse.sshfs host: rw\n",
      ),
      { disks: ["/"], leftAlone: ["/mnt", "/mnt"] },
    );
    // Another mount of the same disk does.
    assert.deepEqual(
      chosen(
        sshfs + "35 34 254:5 / /mnt/disk rw - ext4 /dev/vdf rw\n" +
          "36 27 254:5 / /srv rw - ext4 /dev/vdf rw\n",
      ),
      { disks: ["/", "/srv"], leftAlone: ["/mnt"] },
    );
    // Covered by another disk, at its mount point or above it, now or no more.
    const data = "33 27 254:5 / /a/data rw - ext4 /dev/vdf rw\n";
    for (
      const cover of [
        "34 33 254:6 / /a/data rw - ext4 /dev/vdg rw\n",
        "34 27 254:6 / /a rw - ext4 /dev/vdg rw\n",
      ]
    ) {
      const { mountPoint } = parseMountinfo(cover)[0];
      assert.deepEqual(chosen(data + cover), {
        disks: ["/", mountPoint],
        leftAlone: ["/a/data"],
      });
    }
    assert.deepEqual(
      chosen(
        data + "34 27 254:6 / /a rw - ext4 /dev/vdg rw\n" +
          "35 34 254:7 / /a/data rw - ext4 /dev/vdh rw\n",
      ),
      { disks: ["/", "/a", "/a/data"], leftAlone: ["/a/data"] },
    );
    // One that lies below the disk, at the same mount point, is passed by: so
    // systemd mounts /boot on an automounter.
    assert.deepEqual(
      chosen(
        "33 27 0:30 / /boot rw - autofs systemd-1 rw\n" +
          "34 33 254:5 / /boot rw - vfat /dev/vdf rw\n",
      ),
      { disks: ["/", "/boot"], leftAlone: [] },
    );
  });
});

describe("the mounts to freeze", () => {
  const mounts = readMounts();
  const real = (...paths: string[]) =>
    new Map(paths.map((path) => [path, realPath(path)]));

  test("are not those that the agent writes", () => {
    const needed = [{ path: "/", what: "the log" }];
    assert.throws(() => mountsToFreeze(["/"], needed, real("/"), mounts), {
      message: "Cannot freeze /: the log / lies on it",
    });
    assert.deepEqual(
      mountsToFreeze(["/", "/"], [], real(), mounts).map((m) => m.mountPoint),
      ["/"],
    );
  });

  test("are mount points, by their names or behind links", () => {
    assert.deepEqual(pathsToResolve(["/", "/usr/.."], [], mounts), ["/usr/.."]);
    assert.deepEqual(
      mountsToFreeze(["/usr/.."], [], real("/usr/.."), mounts).length,
      1,
    );
    const names = ["/usr/bin/.."];
    const root = [mountOf("/", mounts)];
    assert.throws(() => mountsToFreeze(names, [], real(...names), root), {
      message: "Cannot freeze /usr/bin/..: it is no mount point, it lies on /",
    });
    assert.throws(
      () => mountsToFreeze(["/no/such"], [], real("/no/such"), mounts),
      { message: "Cannot find the mount of /no/such: ENOENT" },
    );
  });

  test("are none that no kernel can freeze, and nothing asks those", () => {
    for (const type of ["fuse", "fuse.sshfs", "fuseblk", "virtiofs"]) {
      const all = parseMountinfo(
        ROOT + `34 27 0:41 / /mnt rw - ${type} /dev/vdb rw\n`,
      );
      const message =
        `Cannot freeze /mnt: a filesystem of type ${type} cannot be frozen`;
      assert.throws(() => pathsToResolve(["/mnt"], [], all), { message });
      const link = new Map([["/link", { path: "/mnt" }]]);
      assert.throws(
        () => mountsToFreeze(["/link"], [], link, all),
        /type \S+ cannot be frozen/,
      );
    }
  });

  test("the agent writes to its runtime directory alone", () => {
    assert.deepEqual(neededPaths("/run/lull"), [
      { path: "/run/lull", what: "the runtime directory" },
    ]);
  });
});
