import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { EvidenceObserver } from "../../src/evidence/observer.ts";
import { openKernelLog } from "../../src/linux/kmsg.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { kernelLogProblem } from "../support/kernel_log.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";
import { encode, FORK } from "./kernel_words.ts";

const runtime = await loadRuntime();
const skip = kernelLogProblem();

/** Reads the real log, and takes the word of user space for the kernel's. */
async function credulous(facility: number): Promise<{
  observer: EvidenceObserver;
  libc: Libc;
}> {
  const libc = await realLibc();
  const observer = new EvidenceObserver({
    runtime,
    clocks: [],
    libc,
    onError: (error) => assert.fail(error),
    openLog: () =>
      openKernelLog({
        ...libc,
        read(fd, bytes, size) {
          const count = libc.read!(fd, bytes, size);
          const record = new TextDecoder().decode(bytes!.subarray(0, count));
          if (parseInt(record) >> 3 !== facility) return count;
          const claim = record.replace(/^\d+/, "4");
          bytes!.set(encode(claim));
          return claim.length;
        },
      }),
  });
  return { observer, libc };
}

describe("the watch for a fork", { skip }, () => {
  it("calls back once, as soon as the kernel says so", async () => {
    const { observer } = await credulous(1);
    let forks = 0;
    observer.mark();
    observer.watch(() => void forks++);
    writeFileSync("/dev/kmsg", "lull test: not that\n");
    await until("the wake", () => observer.wakes >= 1);
    assert.equal(forks, 0);
    writeFileSync("/dev/kmsg", `${FORK}\n`);
    await until("the fork", () => forks === 1);
    assert.equal(observer.check().restored, true);
    writeFileSync("/dev/kmsg", `${FORK}\n`); // the last read ends
    assert.equal(forks, 1);
  });

  it("misses nothing between the mark and the watch", async () => {
    const { observer } = await credulous(1);
    let forks = 0;
    observer.mark();
    writeFileSync("/dev/kmsg", `${FORK}\n`);
    observer.watch(() => void forks++);
    assert.equal(forks, 1);
    writeFileSync("/dev/kmsg", "lull test: the last read ends\n");
  });

  it("believes no process that writes the kernel's words", async () => {
    const observer = new EvidenceObserver({
      runtime,
      libc: await realLibc(),
      clocks: [],
      onError: (error) => assert.fail(error),
    });
    observer.mark();
    observer.watch(() => assert.fail("it believed a process"));
    for (const prefix of ["", "<0>", "<5>", "<13>"]) {
      writeFileSync("/dev/kmsg", `${prefix}${FORK}\n`);
    }
    await until("the wakes", () => observer.wakes >= 1);
    assert.equal(observer.check().restored, false);
    observer.unwatch();
    writeFileSync("/dev/kmsg", "lull test: the last read ends\n");
  });
});
