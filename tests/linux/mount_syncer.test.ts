import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Mount, readMounts } from "../../src/linux/mountinfo.ts";
import { MountSyncer, type SyncError } from "../../src/linux/mount_syncer.ts";
import { FilesystemSync } from "../../src/linux/sync.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import { HungMount, withoutFuse } from "../support/hung_mount.ts";
import { realLibc } from "../support/libc.ts";
import {
  inMountNamespace,
  mountNamespaceProblem,
} from "../support/mount_namespace.ts";
import { FakeThreads } from "../support/threads.ts";
import { until } from "../support/until.ts";

/** Milliseconds. */
const LIMIT = 100;

/** Mounts that every machine has, as if each were a disk. */
function disks(...mountPoints: string[]): Mount[] {
  return readMounts().filter(({ mountPoint }) =>
    mountPoints.includes(mountPoint)
  ).map((mount, i) => ({
    ...mount,
    ...{ type: "ext4", device: `254:${i}`, writable: true },
  }));
}

function start(mounts = disks("/proc", "/sys"), limitMs = LIMIT) {
  const threads = new FakeThreads();
  const options = { limitMs, readMounts: () => mounts };
  return { threads, syncer: new MountSyncer(threads.libc, options) };
}

/** How many this process has open. */
function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** What a sync rejects with. */
async function failure(syncing: Promise<unknown>): Promise<SyncError> {
  return await syncing.then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );
}

describe("a sync of mounts", () => {
  test("syncs all at once, and leaves nothing open", async () => {
    const { threads, syncer } = start();
    const { mounts, ms } = await syncer.sync();
    assert.deepEqual([...mounts].sort(), ["/proc", "/sys"]);
    assert.ok(ms > 0);
    assert.deepEqual(threads.begun.slice(0, 2).sort(), [
      "opendir /proc",
      "opendir /sys",
    ]);
    assert.equal(threads.joined, 4);
    assert.equal(threads.open.size + threads.left, 0);
  });

  test("needs no thread to open the root", async () => {
    const { threads, syncer } = start(disks("/").slice(-1), 60_000);
    const opened = descriptors();
    assert.deepEqual((await syncer.sync()).mounts, ["/"]);
    assert.deepEqual(threads.begun.length, 1);
    assert.match(threads.begun[0], /^syncfs /);
    assert.equal(descriptors(), opened);
  });

  test("tells which failed, and why; the others are synced", async () => {
    const { threads, syncer } = start(disks("/proc", "/sys", "/dev"));
    threads.failing.add("syncfs /proc").add("opendir /sys");
    const { message, effect } = await failure(syncer.sync());
    assert.match(message, /^Cannot sync every mount: /);
    assert.match(message, /\/proc: syncfs failed/);
    assert.match(message, /\/sys: \/sys cannot be opened/);
    assert.deepEqual(effect.mounts, ["/dev"]);
    assert.equal(threads.open.size + threads.left, 0);
  });

  test("tries another mount where one cannot be opened, or is covered", async () => {
    const [sys, proc] = [disks("/sys")[0], disks("/proc")[0]];
    const { device } = proc;
    const mounts = [
      { ...sys, device, mountPoint: "/no/such" },
      // Something else has been mounted there since.
      { ...sys, device, id: 1_000_000 },
      proc,
    ];
    const { threads, syncer } = start(mounts);
    threads.failing.add("opendir /no/such");
    assert.deepEqual((await syncer.sync()).mounts, ["/no/such"]);
    assert.deepEqual(threads.begun.at(-1), "syncfs /proc");
    const covered = start(mounts.slice(1, 2));
    const { message } = await failure(covered.syncer.sync());
    assert.match(message, /\/sys is covered by another mount/);
    assert.equal(covered.threads.open.size, 0);
  });

  test("needs no sync of a filesystem that is unmounted meanwhile", async () => {
    const threads = new FakeThreads();
    const looks = [disks("/proc", "/sys"), disks("/proc")];
    const syncer = new MountSyncer(threads.libc, {
      readMounts: () => looks.shift() ?? assert.fail("it looks too often"),
    });
    threads.failing.add("opendir /sys");
    assert.deepEqual((await syncer.sync()).mounts, ["/proc"]);
  });

  for (const call of ["opendir /proc", "syncfs /proc"]) {
    test(`waits no longer than its limit for ${call}, and never twice`, async () => {
      const { threads, syncer } = start();
      threads.held.add(call);
      const { message, effect } = await failure(syncer.sync());
      assert.equal(
        message,
        `Cannot sync every mount: /proc: no answer within ${LIMIT} ms`,
      );
      assert.deepEqual(effect.mounts, ["/sys"]);
      assert.equal(threads.open.size, 0, "a call under way holds its own file");
      // This process may lose its CPU in between.
      await until("a failure before the limit", async () => {
        const before = threads.begun.length;
        const second = await failure(syncer.sync());
        assert.equal(
          second.message,
          "Cannot sync every mount: /proc: " +
            "a sync that an earlier prepare began has not ended yet",
        );
        assert.deepEqual(second.effect.mounts, ["/sys"]);
        assert.deepEqual(threads.begun.slice(before), [
          "opendir /sys",
          "syncfs /sys",
        ]);
        return second.effect.ms < LIMIT;
      });
      threads.held.clear();
      const { mounts } = await syncer.sync();
      assert.deepEqual([...mounts].sort(), ["/proc", "/sys"]);
      assert.equal(threads.open.size + threads.left, 0);
    });
  }

  test("ends with its signal, and looks no more", async () => {
    const { threads, syncer } = start(disks("/proc"), 60_000);
    threads.held.add("syncfs /proc");
    const abort = new AbortController();
    const syncing = failure(syncer.sync(abort.signal));
    await until("the sync", () => threads.begun.length === 2);
    abort.abort();
    const aborted = performance.now();
    const { message } = await syncing;
    assert.ok(performance.now() - aborted < 30_000);
    assert.match(message, /\/proc: the prepare was aborted/);
    const { looks } = threads;
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(threads.looks, looks);
    assert.equal(threads.open.size, 0);
  });

  test("begins nothing once its signal has aborted", async () => {
    const { threads, syncer } = start();
    await assert.rejects(syncer.sync(AbortSignal.abort()));
    assert.deepEqual(threads.begun, []);
  });

  test("comes after a slow one that was given up, which has its time", async () => {
    const { threads, syncer } = start(disks("/proc"), 60_000);
    threads.held.add("syncfs /proc");
    const abort = new AbortController();
    const first = failure(syncer.sync(abort.signal));
    await until("the sync", () => threads.begun.length === 2);
    abort.abort();
    await first;
    const second = syncer.sync();
    const { looks } = threads;
    await until("looks at the first", () => threads.looks > looks + 1);
    assert.equal(threads.begun.length, 2, "one thread at a time");
    threads.held.clear();
    // What was written since the first began is not on the disk yet.
    assert.deepEqual((await second).mounts, ["/proc"]);
    assert.deepEqual(threads.begun.slice(2), ["opendir /proc", "syncfs /proc"]);
    assert.equal(threads.open.size + threads.left, 0);
  });

  test("says why it has no thread", async () => {
    const { threads } = start();
    const full = { ...threads.libc, pthread_create: () => 11 };
    const { message } = await failure(
      new MountSyncer(full, { readMounts: () => disks("/proc") }).sync(),
    );
    assert.match(message, /Cannot start a thread for opendir: EAGAIN/);
    assert.equal(threads.left, 0);
  });
});

describe("a sync by the real kernel", () => {
  test("works 100 times, and leaves no descriptor and no thread", async () => {
    const libc = await realLibc();
    // Without a disk: other programs' data would cost seconds.
    const syncer = new MountSyncer(libc, { readMounts: () => disks("/proc") });
    await syncer.sync();
    const before = descriptors();
    for (let i = 0; i < 100; i++) await syncer.sync();
    assert.equal(descriptors(), before);
  });

  const problem = mountNamespaceProblem();
  test(
    `keeps no mount busy after it was aborted${problem || ""}`,
    { skip: problem },
    () => {
      const script = new URL(
        "../support/namespace/aborted_sync.ts",
        import.meta.url,
      );
      assert.deepEqual(inMountNamespace(script), { busy: false });
    },
  );

  test("never syncs the number of a closed descriptor", async () => {
    const libc = await realLibc();
    for (let i = 0; i < 100; i++) {
      const sync = new FilesystemSync(libc, disks("/").slice(-1));
      // The thread has perhaps not begun.
      sync.abandon();
      await until("the end of the call", () => sync.advance());
      assert.equal(sync.error, undefined);
    }
  });

  const skip = withoutFuse();
  test(
    `gives a FUSE mount up that never answers${skip || ""}`,
    { skip },
    () => {
      using mount = new HungMount("nothing");
      const script = fileURLToPath(
        new URL("../support/sync_hung_mount.ts", import.meta.url).href,
      );
      const run = "deno" in process.versions
        ? ["run", "-A", "--no-check"]
        : ["run"];
      const [command, ...args] = mount.prefix;
      const { stdout, stderr } = spawnSync(
        command,
        [...args, process.execPath, ...run, script],
        { encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" },
      );
      assert.deepEqual(JSON.parse(stdout || `"${stderr}"`), [
        `Cannot sync every mount: ${mount.mountPoint}: no answer within 200 ms`,
        `Cannot sync every mount: ${mount.mountPoint}: ` +
        "a sync that an earlier prepare began has not ended yet",
      ]);
    },
  );
});

const noDisks = withoutDisks();
test(`every writable mount is synced${noDisks ? `: ${noDisks}` : ""}`, {
  skip: noDisks,
}, async () => {
  using disk = new TestDisk();
  const { mounts, ms } = await new MountSyncer(await realLibc()).sync();
  assert.ok(mounts.includes(disk.mountPoint), mounts.join());
  assert.ok(ms > 0);
});
