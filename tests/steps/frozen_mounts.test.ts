import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readMounts } from "../../src/linux/mountinfo.ts";
import { thawMounts } from "../../src/steps/frozen_mounts.ts";
import { owe } from "../support/cleanup.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { freezerOf, realFreezer } from "./freeze_step.ts";

const skip = withoutDisks();

function bind(from: string, to: string): void {
  const { status, stderr } = spawnSync("mount", ["--bind", from, to]);
  assert.equal(status, 0, String(stderr));
}

describe(`mounts that a killed agent left frozen${skip ? `: ${skip}` : ""}`, {
  skip,
}, () => {
  test("are thawed", async () => {
    using disk = new TestDisk();
    disk.ask("-f");
    const { mounts, freezer } = freezerOf(disk);
    const repaired = await thawMounts(() => freezer)({ mounts });
    assert.deepEqual(repaired, { thawed: [disk.mountPoint], gone: [] });
    assert.ok(await disk.takesWrites());
  });

  test("are thawed by another mount if theirs is covered", async () => {
    using disk = new TestDisk();
    using cover = new TestDisk();
    const also = mkdtempSync(join(tmpdir(), "lull-also-"));
    const { mounts, freezer } = freezerOf(disk);
    const { mountPoint } = disk;
    const debt = owe(`umount ${also}; umount ${mountPoint}; rmdir ${also}`);
    try {
      bind(mountPoint, also);
      disk.ask("-f");
      bind(cover.mountPoint, mountPoint);
      const repaired = await thawMounts(() => freezer)({ mounts });
      assert.deepEqual(repaired, { thawed: [also], gone: [] });
    } finally {
      debt.settle();
    }
    assert.ok(await disk.takesWrites());
  });

  test("stay recorded if no mount of them is reachable", async () => {
    using disk = new TestDisk();
    using cover = new TestDisk();
    const { mounts, freezer } = freezerOf(disk);
    const { mountPoint } = disk;
    disk.ask("-f");
    bind(cover.mountPoint, mountPoint);
    const debt = owe(`umount ${mountPoint}`);
    try {
      await assert.rejects(
        async () => await thawMounts(() => freezer)({ mounts }),
        /another filesystem is mounted over it$/,
      );
    } finally {
      debt.settle();
    }
    assert.ok(await disk.frozen());
  });

  test("that were unmounted while they were frozen stay recorded, until they are mounted again", async () => {
    using disk = new TestDisk();
    const { mounts } = freezerOf(disk);
    const { mountPoint, image } = disk;
    disk.ask("-f");
    const command = (name: string, ...args: string[]) =>
      assert.equal(spawnSync(name, args).status, 0, `${name} ${args}`);
    const [mounted] = readMounts().filter((one) =>
      one.mountPoint === mountPoint
    );
    const { stdout } = spawnSync("losetup", ["--associated", image], {
      encoding: "utf8",
    });
    command("umount", "-l", mountPoint);
    try {
      await assert.rejects(
        async () => await thawMounts(realFreezer)({ mounts }),
        {
          name: "NotUndone",
          message: /mount was unmounted while it was frozen/,
          left: { mounts: [{ mountPoint, device: mounted.device }] },
        },
      );
    } finally {
      command("mount", stdout.split(":")[0], mountPoint);
    }
    assert.deepEqual(await thawMounts(realFreezer)({ mounts }), {
      ...{ thawed: [mountPoint], gone: [] },
    });
    assert.ok(await disk.takesWrites());
  });

  test("are gone if they were thawed and unmounted", async () => {
    const disk = new TestDisk();
    const { mounts } = freezerOf(disk);
    disk.end();
    assert.deepEqual(await thawMounts(realFreezer)({ mounts }), {
      ...{ thawed: [], gone: [disk.mountPoint] },
    });
  });

  test("are gone if another filesystem took their place", async () => {
    const disk = new TestDisk();
    disk.ask("-f");
    const repair = thawMounts(() => assert.fail("there is nothing to thaw"));
    const { mountPoint } = disk;
    const other = await repair({ mounts: [{ mountPoint, device: "9:9" }] });
    assert.deepEqual(other, { thawed: [], gone: [mountPoint] });
    disk.ask("-u");
    await assert.rejects(async () => await repair({ mounts: "all" }), {
      name: "CorruptChange",
    });
    disk.end();
  });

  test("stay recorded only if they stay frozen", async () => {
    using disk = new TestDisk();
    using covered = new TestDisk();
    const { mounts } = freezerOf(covered, disk);
    disk.ask("-f");
    const cover = covered.mountPoint;
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "x", cover]).status, 0);
    try {
      await assert.rejects(
        async () => await thawMounts(realFreezer)({ mounts }),
        {
          name: "NotUndone",
          message: new RegExp(`^Cannot thaw every mount: .*${cover}`),
          effect: { thawed: [disk.mountPoint], gone: [] },
          left: { mounts: [mounts[0]] },
        },
      );
    } finally {
      spawnSync("umount", [cover]);
    }
  });
});
