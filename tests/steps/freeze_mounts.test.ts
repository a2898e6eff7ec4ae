import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import type { Thawed } from "../../src/linux/freezer_messages.ts";
import { loadLibc } from "../../src/linux/libc.ts";
import { mountOf, readMounts } from "../../src/linux/mountinfo.ts";
import { MountSyncer } from "../../src/linux/mount_syncer.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { FreezeMountsOptions } from "../../src/steps/freeze_mounts.ts";
import { thawMounts } from "../../src/steps/frozen_mounts.ts";
import { owe } from "../support/cleanup.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { freezeStep, realFreezer } from "./freeze_step.ts";

const skip = withoutDisks();
const runtime = await loadRuntime();

function bind(from: string, to: string): void {
  const { status, stderr } = spawnSync("mount", ["--bind", from, to]);
  assert.equal(status, 0, String(stderr));
}

/** A real one, and what it is to freeze. */
function freezerOf(...disks: TestDisk[]) {
  const all = readMounts();
  const mounts = disks.map(({ mountPoint }) => {
    const { device } = mountOf(mountPoint, all);
    return { mountPoint, device };
  });
  return { mounts, freezer: realFreezer() };
}

const thawedBy = async (done: Done) =>
  await done.undo!(recoveryContext()) as Thawed;

test("without a mount there is nothing to do", async () => {
  assert.deepEqual(await freezeStep([]).step.quiesce(stepContext()), {
    skipped: "no mount was named",
  });
});

describe("a thread that does not answer", () => {
  test("is given up: the known are thawed, the rest when it is free", async () => {
    const calls: string[] = [];
    let free = () => {};
    let asked = 0;
    const { step, journal, errors } = freezeStep(["/"], {
      freezer: () => ({
        freeze: () => Promise.reject(new Error("not done within 9 ms")),
        thaw(limitMs) {
          calls.push(`thaw ${limitMs}`);
          if (asked++ === 0) return Promise.reject(new Error("stuck"));
          return new Promise((resolve) =>
            free = () =>
              resolve({
                thawed: ["/"],
                notFrozen: [],
                failed: [],
                expired: false,
                heldMs: 1,
              })
          );
        },
        thawKnown() {
          calls.push("known");
          return Promise.resolve(["no such mount"]);
        },
        resolve: () => assert.fail("it is the name of a mount point"),
        waitsFor: "/",
        end() {
          calls.push("end");
          return Promise.resolve();
        },
      }),
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /not done within 9 ms/,
    );
    assert.deepEqual(calls, ["thaw 1000", "known", "thaw Infinity"]);
    assert.deepEqual(errors.map(String), ["Error: stuck", "no such mount"]);
    assert.equal(journal.written.size, 1, "it may still freeze");
    free();
    await until("the end", () => calls.at(-1) === "end");
    assert.equal(journal.written.size, 0);
  });
});

describe("a path that does not answer", () => {
  /** A freezer whose thread is stuck in the links of a path until it is freed. */
  function stuckFreezer() {
    let waitsFor: string | undefined;
    const calls: string[] = [];
    const freezer: ReturnType<FreezeMountsOptions["freezer"]> = {
      resolve(paths, limitMs, signal) {
        calls.push(`resolve ${paths} ${limitMs}`);
        [waitsFor] = paths;
        return new Promise((_, reject) =>
          signal?.addEventListener("abort", () => reject(new Error("given up")))
        );
      },
      get waitsFor() {
        return waitsFor;
      },
      freeze: () => assert.fail("it has not resolved the path"),
      thaw: () => assert.fail("it has frozen nothing"),
      thawKnown: () => assert.fail("it has frozen nothing"),
      end() {
        calls.push("end");
        return Promise.resolve();
      },
    };
    return { calls, freezer, free: () => waitsFor = undefined };
  }

  test("is given up with the signal, and waited for by one thread", async () => {
    const { calls, freezer, free } = stuckFreezer();
    const { step, journal, errors } = freezeStep(["/no/mount"], {
      freezer: () => freezer,
    });
    const abort = new AbortController();
    const freezing = step.quiesce(stepContext(abort.signal));
    abort.abort();
    await assert.rejects(async () => await freezing, /given up/);
    assert.deepEqual(calls, ["resolve /no/mount 5000", "end"]);
    assert.equal(journal.written.size, 0, "nothing was frozen");
    await assert.rejects(async () => await step.quiesce(stepContext()), {
      message: "Cannot freeze mounts: " +
        "/no/mount has not answered an earlier prepare yet",
    });
    assert.equal(calls.length, 2);
    free();
    const again = step.quiesce(stepContext(AbortSignal.timeout(1)));
    await assert.rejects(async () => await again, /given up/);
    assert.equal(calls.length, 4);
    assert.deepEqual(errors, []);
  });
});

describe(`frozen mounts${skip ? `: ${skip}` : ""}`, { skip }, () => {
  test("take no writes until the thaw", async () => {
    using disk = new TestDisk();
    const writer = disk.writer();
    await until("the writer", () => writer.count() > 10);
    const { step, journal } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(stepContext()) as Done;
    console.log(`a mount frozen in ${done.effect.ms} ms`);
    assert.deepEqual(done.effect.frozen, [disk.mountPoint]);
    assert.equal(journal.written.size, 1);
    assert.ok(await disk.frozen());
    assert.equal(done.lasts?.(), true);
    const thawed = await thawedBy(done);
    assert.deepEqual(thawed.thawed, [disk.mountPoint]);
    assert.equal(thawed.expired, false);
    assert.equal(journal.written.size, 0);
    assert.ok(await disk.takesWrites());
  });

  test("the inner is frozen first, the outer thawed first", async () => {
    using outer = new TestDisk();
    using inner = new TestDisk(outer.mountPoint);
    // named in the other order, and twice
    const { step } = freezeStep([
      outer.mountPoint,
      inner.mountPoint,
      outer.mountPoint,
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    const thawed = await thawedBy(done);
    assert.deepEqual(thawed.thawed, [outer.mountPoint, inner.mountPoint]);
    assert.ok(await outer.takesWrites() && await inner.takesWrites());
  });

  test("thaw by themselves when they are held too long", async () => {
    using disk = new TestDisk();
    const { step, journal } = freezeStep([disk.mountPoint], { holdMs: 3000 });
    const done = await step.quiesce(stepContext()) as Done;
    assert.ok(await disk.frozen());
    assert.ok(await disk.takesWrites(), "once it has thawed");
    assert.equal(done.lasts?.(), false);
    const thawed = await thawedBy(done);
    assert.equal(thawed.expired, true);
    assert.ok(thawed.heldMs >= 2950, `${thawed.heldMs}`);
    assert.equal(journal.written.size, 0);
  });

  test("what the guest froze itself is left so (EBUSY)", async () => {
    using disk = new TestDisk();
    disk.ask("-f");
    const { step, journal } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect.alreadyFrozen, [disk.mountPoint]);
    assert.deepEqual(journal.written.get("mounts"), { mounts: [] });
    assert.deepEqual((await thawedBy(done)).thawed, []);
    assert.ok(await disk.frozen());
    disk.ask("-u");
  });

  test("what the guest thawed itself is no failure (EINVAL)", async () => {
    using disk = new TestDisk();
    const { step } = freezeStep([disk.mountPoint]);
    const done = await step.quiesce(stepContext()) as Done;
    disk.ask("-u");
    assert.deepEqual((await thawedBy(done)).notFrozen, [disk.mountPoint]);
  });

  test("one that cannot be frozen leaves none frozen", async () => {
    using disk = new TestDisk();
    // /proc was mounted before, so it comes last
    const { step, journal, errors } = freezeStep(["/proc", disk.mountPoint]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /^Error: Cannot freeze \/proc: its kind of filesystem cannot be frozen$/,
    );
    assert.ok(await disk.takesWrites());
    assert.equal(journal.written.size, 0);
    assert.deepEqual(errors, []);
  });

  test("one that the agent writes is refused before anything is frozen", async () => {
    using disk = new TestDisk();
    const { step, journal } = freezeStep([disk.mountPoint], {
      needed: () => [{ path: disk.mountPoint, what: "the runtime directory" }],
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze \S+: the runtime directory \S+ lies on it/,
    );
    assert.equal(journal.written.size, 0);
    assert.ok(await disk.takesWrites());
  });

  test("are thawed by another thread while theirs is stuck", async () => {
    using one = new TestDisk();
    using other = new TestDisk();
    one.ask("-f");
    const { mounts, freezer } = freezerOf(one, other);
    try {
      // The one is frozen already, the other is frozen by this thread.
      await freezer.freeze(mounts, {
        ...{ holdMs: 60_000, limitMs: 60_000 },
        signal: new AbortController().signal,
      });
      assert.deepEqual(await freezer.thawKnown(10_000), []);
      assert.ok(await other.takesWrites());
      assert.ok(await one.frozen(), "the guest froze it");
    } finally {
      await freezer.thaw(10_000);
      await freezer.end();
    }
  });

  test("that a killed agent left are thawed", async () => {
    using disk = new TestDisk();
    disk.ask("-f");
    const { mounts, freezer } = freezerOf(disk);
    const repaired = await thawMounts(() => freezer)({ mounts });
    assert.deepEqual(repaired, { thawed: [disk.mountPoint], gone: [] });
    assert.ok(await disk.takesWrites());
  });

  test("that a killed agent left are thawed by another mount if theirs is covered", async () => {
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

  test("that a killed agent left stay recorded if no mount of them is reachable", async () => {
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

  test("that was unmounted while it was frozen stays recorded, until it is mounted again", async () => {
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

  test("that was thawed and unmounted is gone", async () => {
    const disk = new TestDisk();
    const { mounts } = freezerOf(disk);
    disk.end();
    assert.deepEqual(await thawMounts(realFreezer)({ mounts }), {
      ...{ thawed: [], gone: [disk.mountPoint] },
    });
  });

  test("are repaired after a crash, unless another took their place", async () => {
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

  test("a repair after a crash records only the mounts that stay frozen", async () => {
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

  test("every writable mount is synced", async () => {
    using disk = new TestDisk();
    const { mounts, ms } = await new MountSyncer(loadLibc(runtime)).sync();
    assert.ok(mounts.includes(disk.mountPoint), mounts.join());
    assert.ok(ms > 0);
  });
});
