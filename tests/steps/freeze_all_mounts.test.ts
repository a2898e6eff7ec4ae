/**
 * The mounts that a prepare of kind disk freezes if none is named.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import {
  mountOf,
  parseMountinfo,
  readMounts,
} from "../../src/linux/mountinfo.ts";
import type { FreezeMountsOptions } from "../../src/steps/freeze_mounts.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
import { freezeStep } from "./freeze_step.ts";

const skip = withoutDisks();

/** A root, a disk, a partition that cannot be frozen, and what is never frozen. */
const DISKS = [
  "27 1 254:0 / / rw - ext4 /dev/vda rw",
  "28 27 0:5 / /run rw - tmpfs none rw",
  "29 27 0:6 / /mnt rw - nfs4 host:/x rw",
  "30 27 0:7 / /over rw - overlay none rw,upperdir=/data/u",
  "31 27 254:2 / /boot/efi rw - vfat /dev/vdc rw",
  "32 27 254:1 / /data rw - ext4 /dev/vdb rw",
  "33 27 254:3 / /readonly ro - ext4 /dev/vdd ro",
  "34 27 254:1 / /data/again rw - ext4 /dev/vdb rw\n",
].join("\n");

/** A freezer for a step that must not freeze. */
const NO_FREEZER: ReturnType<FreezeMountsOptions["freezer"]> = {
  resolve: () => assert.fail("there is no path to resolve"),
  freeze: () => assert.fail("it must not freeze"),
  thaw: () => assert.fail("it has frozen nothing"),
  thawKnown: () => assert.fail("it has frozen nothing"),
  waitsFor: undefined,
  end: () => Promise.resolve(),
};

describe("for kind disk, if no mount is named", () => {
  const disk = () => stepContext(undefined, "disk");

  test("all writable disks are frozen, the last one first", async () => {
    const asked: unknown[] = [];
    const said: string[] = [];
    const { step, journal } = freezeStep([], {
      readMounts: () => parseMountinfo(DISKS),
      holdLog: () => said.push("hold"),
      freezer: () => ({
        ...NO_FREEZER,
        freeze(mounts) {
          said.push("freeze");
          asked.push(...mounts);
          return Promise.resolve({
            frozen: ["/data", "/"],
            already: [],
            unsupported: ["/boot/efi"],
          });
        },
      }),
    });
    const done = await step.quiesce(disk()) as Done;
    assert.deepEqual(asked, [
      { mountPoint: "/data", device: "254:1", ifPossible: true },
      { mountPoint: "/boot/efi", device: "254:2", ifPossible: true },
      { mountPoint: "/", device: "254:0", ifPossible: true },
    ]);
    assert.deepEqual(said, ["hold", "freeze"], "no log line in between");
    assert.deepEqual(done.effect.frozen, ["/data", "/"]);
    assert.deepEqual(done.effect.leftAlone, ["/mnt", "/boot/efi"]);
    assert.deepEqual(journal.written.get("mounts"), {
      mounts: [
        { mountPoint: "/", device: "254:0" },
        { mountPoint: "/data", device: "254:1" },
      ],
    });
  });

  test("the disk of the runtime directory is refused, and an overlay", async () => {
    for (
      const [path, why] of [
        [
          "/var/lull",
          "Cannot freeze /: the runtime directory /var/lull lies on it",
        ],
        [
          "/over/lull",
          "Cannot freeze every mount: the runtime directory /over/lull lies on a filesystem of type overlay, which writes to an unknown disk",
        ],
      ]
    ) {
      const ended: boolean[] = [];
      const { step, journal } = freezeStep([], {
        readMounts: () => parseMountinfo(DISKS),
        needed: () => [{ path, what: "the runtime directory" }],
        freezer: () => ({
          ...NO_FREEZER,
          resolve: () => Promise.resolve(new Map([[path, { path }]])),
          end: () => Promise.resolve(void ended.push(true)),
        }),
      });
      await assert.rejects(async () => await step.quiesce(disk()), {
        message: why,
      });
      assert.deepEqual(ended, [true]);
      assert.equal(journal.written.size, 0);
    }
  });

  test("it can be turned off, and a guest may have no disk", async () => {
    assert.deepEqual(
      await freezeStep([], { all: false }).step.quiesce(disk()),
      {
        skipped: "turned off by freezeAllMounts=false",
      },
    );
    const { step } = freezeStep([], {
      readMounts: () => parseMountinfo("27 1 0:3 / / rw - tmpfs none rw\n"),
      freezer: () => NO_FREEZER,
    });
    assert.deepEqual(await step.quiesce(disk()), {
      skipped: "there is no writable mount on a disk",
    });
  });
});

describe(`real mounts${skip ? `: ${skip}` : ""}`, { skip }, () => {
  test("one whose kind cannot be frozen is left alone if no mount is named", async () => {
    using disk = new TestDisk();
    const { device } = mountOf("/proc", readMounts());
    const { step } = freezeStep([], {
      readMounts: () => [
        // As if procfs were on a disk: the kernel refuses to freeze it.
        ...parseMountinfo(`22 27 ${device} / /proc rw - btrfs none rw\n`),
        mountOf(disk.mountPoint, readMounts()),
      ],
    });
    const context = stepContext(undefined, "disk");
    const done = await step.quiesce(context) as Done;
    assert.deepEqual(done.effect.frozen, [disk.mountPoint]);
    assert.deepEqual(done.effect.leftAlone, ["/proc"]);
    assert.ok(await disk.frozen());
    await done.undo!(recoveryContext());
    assert.ok(await disk.takesWrites());
  });
});
