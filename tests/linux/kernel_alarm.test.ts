import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { before, describe, test } from "node:test";
import { KernelAlarm } from "../../src/linux/kernel_alarm.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { SETTINGS } from "../../src/runtime/bun/prepare_process.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { commandFor } from "../support/namespace/mod.ts";
import { statusOf } from "../support/proc.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

/** The open timers of this process by descriptor. */
function timerDescriptors(): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[timerfd]";
    } catch {
      return false; // the descriptor of the directory
    }
  });
}

describe("the kernel's alarm", () => {
  let libc: Libc;
  let runtime: Runtime;
  /** How many of them the runtime has open by itself. */
  let others: number;
  before(async () => {
    libc = await realLibc();
    runtime = await loadRuntime();
    others = timerDescriptors().length;
  });
  const allClosed = () =>
    until("its end", () => timerDescriptors().length === others);

  /** An alarm, and when it has called its action. */
  function noted(used: Libc = libc) {
    const calls: number[] = [];
    const alarm = new KernelAlarm(
      used,
      runtime,
      () => calls.push(performance.now()),
    );
    return { alarm, calls };
  }

  test("calls at its time, once, and again when it is set again", async () => {
    const { alarm, calls } = noted();
    try {
      for (const ms of [30, 0]) {
        calls.length = 0;
        const start = performance.now();
        alarm.set(ms);
        await until("the call", () => calls.length > 0);
        assert.ok(calls[0] - start >= ms - 1, `${calls[0] - start} ms`);
      }
    } finally {
      alarm.end();
    }
  });

  test("an error of its action is reported, and the alarm goes on", async (t) => {
    await allClosed();
    const thrown: unknown[] = [];
    let calls = 0;
    const { queueMicrotask } = globalThis;
    t.mock.method(globalThis, "queueMicrotask", (callback: () => void) => {
      queueMicrotask(() => {
        try {
          callback();
        } catch (error) {
          thrown.push(error);
        }
      });
    });
    const failure = new Error("the action fails");
    const alarm = new KernelAlarm(libc, runtime, () => {
      calls++;
      throw failure;
    });
    try {
      for (const count of [1, 2]) {
        alarm.set(1);
        const open = timerDescriptors();
        await until("the call", () => calls === count);
        await until("the report", () => thrown.length === count);
        assert.deepEqual(timerDescriptors(), open);
      }
      assert.deepEqual(thrown, [failure, failure]);
    } finally {
      alarm.end();
    }
    await allClosed();
  });

  test("the last time counts, and none after a clear", async () => {
    const { alarm, calls } = noted();
    const other = noted();
    try {
      alarm.set(10);
      alarm.clear();
      const start = performance.now();
      other.alarm.set(1);
      other.alarm.set(100);
      await until("the other one", () => other.calls.length > 0);
      assert.ok(other.calls[0] - start >= 99, `${other.calls[0] - start} ms`);
      assert.deepEqual(calls, []);
    } finally {
      alarm.end();
      other.alarm.end();
    }
  });

  test("has no descriptor before it is set and after its end", async () => {
    // Those of the tests before.
    await allClosed();
    const { alarm, calls } = noted();
    alarm.clear();
    assert.equal(timerDescriptors().length, others);
    alarm.set(1);
    await until("the call", () => calls.length === 1);
    alarm.set(60_000);
    alarm.end();
    await allClosed();
    assert.equal(calls.length, 1);
  });

  test("without a free descriptor, a timer of the runtime takes its place", async () => {
    let full = true;
    const { alarm, calls } = noted({
      ...libc,
      timerfd_create: (...args) => full ? -1 : libc.timerfd_create!(...args),
    });
    try {
      alarm.set(60_000);
      alarm.clear();
      alarm.set(1);
      await until("the call", () => calls.length === 1);
      full = false;
      alarm.set(1);
      await until("the next call", () => calls.length === 2);
    } finally {
      alarm.end();
    }
  });

  test("without a C library, too", async () => {
    const { alarm, calls } = noted({});
    alarm.set(1);
    await until("the call", () => calls.length === 1);
    alarm.end();
  });
});

test("a timer that was cancelled does not wake the event loop at its end", async () => {
  const waitMs = 3000;
  const [command, ...args] = commandFor(
    new URL("../support/cancelled_timers.ts", import.meta.url),
  );
  const child = spawn(command, [...args, String(waitMs)], {
    stdio: ["pipe", "pipe", "inherit"],
    // As the agent: otherwise Bun wakes up to collect garbage.
    env: { ...process.env, ...SETTINGS },
  });
  try {
    await once(child.stdout, "data");
    const end = performance.now() + waitMs;
    child.stdin.write("cancel\n");
    await once(child.stdout, "data");
    const wakeups = () =>
      Number(statusOf(child.pid!, child.pid!, "voluntary_ctxt_switches"));
    // Deno looks at a long timer up to two times before its end, but not just before it.
    const pauseMs = 300;
    await until("the last moments", () => performance.now() > end - pauseMs);
    const before = wakeups();
    await until("its end", () => performance.now() > end + pauseMs);
    assert.equal(wakeups(), before);
  } finally {
    child.kill("SIGKILL");
    await once(child, "close");
  }
});
