import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { afterEach, before, describe, it } from "node:test";
import { type Pinned, pinThreads } from "../../src/linux/affinity.ts";
import { readMask } from "../../src/linux/cpu_mask.ts";
import { type Libc, loadLibc, requireSymbol } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { until } from "../support/until.ts";
import { fakeLibc } from "../support/fake_masks.ts";

const ECHO = new URL("../support/echo_worker.ts", import.meta.url);

describe("pinThreads", () => {
  let runtime: Runtime;
  let libc: Libc;
  let pinned: Pinned | undefined;
  before(async () => {
    runtime = await loadRuntime();
    libc = loadLibc(runtime);
  });
  afterEach(() => {
    pinned?.restore();
    pinned = undefined;
  });

  it("pins every thread to one CPU, and gives each its mask back", () => {
    const before = cpusOfThreads();
    const main = before.get(String(process.pid))!;
    pinned = pinThreads(libc);
    assert.equal(pinned.cpu, Number(/\d+$/.exec(main)?.[0]));
    const during = cpusOfThreads();
    assert.ok(pinned.threads >= before.size - 1, `${pinned.threads}`);
    assert.deepEqual(
      new Set(during.values()),
      new Set([String(pinned.cpu)]),
    );
    const { threads, failed } = pinned.restore();
    assert.ok(threads >= before.size - 1, `${threads}`);
    assert.deepEqual(failed, []);
    const after = cpusOfThreads();
    for (const [thread, cpus] of before) {
      if (after.has(thread)) assert.equal(after.get(thread), cpus);
    }
  });

  it("restores an odd mask of one thread exactly", (context) => {
    const main = readMask(libc, process.pid)!;
    const cpus = main.reduce((count, byte) => count + bitsOf(byte), 0);
    if (cpus < 2) return context.skip("needs two CPUs");
    const thread = Number(
      readdirSync("/proc/self/task").find((id) => id !== String(process.pid)),
    );
    // all CPUs but the last: a mask that no other part sets
    const odd = main.slice();
    const byte = odd.findLastIndex((bits) => bits !== 0);
    odd[byte] &= ~(1 << 31 - Math.clz32(odd[byte]));
    const set = requireSymbol(libc, "sched_setaffinity");
    assert.equal(set(thread, 1024n, odd), 0);
    try {
      pinned = pinThreads(libc);
      assert.notDeepEqual(readMask(libc, thread), odd);
      pinned.restore();
      assert.deepEqual(readMask(libc, thread), odd);
    } finally {
      set(thread, 1024n, main);
    }
  });

  it("gives threads born meanwhile the main thread's mask", async () => {
    const main = cpusOfThreads().get(String(process.pid));
    pinned = pinThreads(libc);
    const before = cpusOfThreads();
    const messages: unknown[] = [];
    const worker = runtime.startWorker(ECHO, {
      onMessage: (message) => messages.push(message),
      onError: (error) => messages.push(error),
    });
    worker.post("here");
    await until("the worker", () => messages.length > 0);
    assert.deepEqual(messages, [{ echo: "here" }]);
    const born = [...cpusOfThreads()].filter(([id]) => !before.has(id));
    assert.ok(born.length > 0);
    for (const [, cpus] of born) assert.equal(cpus, String(pinned.cpu));
    assert.deepEqual(pinned.restore().failed, []);
    const after = cpusOfThreads();
    for (const [id] of born) {
      if (after.has(id)) assert.equal(after.get(id), main);
    }
    await worker.terminate();
  });
});

describe("pinThreads on a kernel that refuses", () => {
  it("changes no mask in a dry run", () => {
    const { libc, masks, former } = fakeLibc(() => false);
    const { threads, restore } = pinThreads(libc, true);
    assert.ok(threads > 0);
    assert.equal(masks.size, threads, "each thread was set its mask");
    for (const mask of masks.values()) assert.deepEqual(mask, former);
    assert.deepEqual(restore().failed, []);
  });

  it("takes the last CPU of the main thread, whatever its number", () => {
    const { libc, masks, former } = fakeLibc(() => false);
    const pinned = pinThreads(libc);
    assert.equal(pinned.cpu, 23);
    const expected = new Uint8Array(1024);
    expected[2] = 0b1000_0000;
    assert.deepEqual(masks.get(process.pid), expected);
    assert.deepEqual(pinned.restore().failed, []);
    assert.deepEqual(masks.get(process.pid), former);
  });

  it("fails, and leaves the others as they were", () => {
    // the main thread comes first and is pinned by then
    const { libc, masks, former } = fakeLibc((thread, mask) =>
      thread !== process.pid && mask[2] === 0b1000_0000
    );
    assert.throws(
      () => pinThreads(libc),
      /^SystemCallError: Cannot set the CPUs of thread \d+: EINVAL$/,
    );
    assert.ok(masks.has(process.pid));
    for (const mask of masks.values()) assert.deepEqual(mask, former);
  });

  it("reports threads whose mask it cannot give back, and does the rest", () => {
    let refuses = true;
    const { libc, masks, former } = fakeLibc((thread, mask) =>
      refuses && thread === process.pid && mask[2] === 0b1010_0000
    );
    const pinned = pinThreads(libc);
    const { threads: restored, failed } = pinned.restore();
    const error = `Cannot set the CPUs of thread ${process.pid}: EINVAL`;
    assert.deepEqual(failed, [{ thread: process.pid, error }]);
    assert.ok(restored >= 1, `${restored}`);
    for (const [thread, mask] of masks) {
      if (thread !== process.pid) assert.deepEqual(mask, former);
    }
    // The mask of the pinned thread is never taken for its own.
    assert.throws(() => pinThreads(libc), {
      message: "Cannot pin threads: 1 of them did not get their CPUs back " +
        `before: ${error}`,
    });
    refuses = false;
    assert.deepEqual(pinThreads(libc).restore().failed, []);
    assert.deepEqual(masks.get(process.pid), former);
  });

  it("takes the mask of no thread that was born pinned for its own", async () => {
    const { libc, masks, former } = fakeLibc(() => false);
    const runtime = await loadRuntime();
    const born: number[] = [];
    const messages: unknown[] = [];
    let worker: ReturnType<Runtime["startWorker"]> | undefined;
    // The first thread that is pinned bears another one, which has its mask.
    const bearing: Libc = {
      ...libc,
      sched_setaffinity(thread, size, mask) {
        const code = libc.sched_setaffinity!(thread, size, mask);
        if (worker !== undefined) return code;
        const before = new Set(readdirSync("/proc/self/task"));
        worker = runtime.startWorker(ECHO, {
          onMessage: (message) => messages.push(message),
          onError: (error) => messages.push(error),
        });
        for (const id of readdirSync("/proc/self/task")) {
          if (before.has(id)) continue;
          born.push(Number(id));
          masks.set(Number(id), mask!.slice());
        }
        return code;
      },
    };
    const pinned = pinThreads(bearing);
    try {
      assert.ok(born.length > 0, "no thread was born");
      pinned.restore();
      for (const thread of born) assert.deepEqual(masks.get(thread), former);
    } finally {
      pinned.restore();
      await worker?.terminate();
    }
  });

  it("says what is missing where there is no libc", () => {
    assert.throws(() => pinThreads({}), /Cannot call sched_getaffinity/);
  });
});

/** The kernel's own list of the CPUs of each thread: proc_pid_status(5). */
function cpusOfThreads(): Map<string, string> {
  const cpus = new Map<string, string>();
  for (const thread of readdirSync("/proc/self/task")) {
    try {
      const status = readFileSync(`/proc/self/task/${thread}/status`, "utf8");
      cpus.set(thread, /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)![1]);
    } catch (error) {
      // ended since the listing
      if (!/ENOENT|ESRCH/.test((error as { code: string }).code)) throw error;
    }
  }
  return cpus;
}

function bitsOf(byte: number): number {
  return byte.toString(2).replaceAll("0", "").length;
}
