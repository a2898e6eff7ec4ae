import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { accessSync, constants, writeFileSync } from "node:fs";
import {
  KernelLogWatch,
  openKernelLog,
  parseRecord,
} from "../../src/linux/kmsg.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const skip = mayLog() ? false : "needs to read and write /dev/kmsg";

function mayLog(): boolean {
  try {
    accessSync("/dev/kmsg", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What any root process can do to the kernel's log. */
function write(text: string): void {
  writeFileSync("/dev/kmsg", text);
}

describe("a record of the kernel's log", () => {
  it("has its facility, its number and its message", () => {
    assert.deepEqual(
      parseRecord("5,344,1283562,-;random: a; b\n SUBSYSTEM=x\n"),
      { facility: 0, sequence: 344, message: "random: a; b" },
    );
    assert.deepEqual(parseRecord("12,345,1283563,-,caller=T1;hello\n"), {
      facility: 1,
      sequence: 345,
      message: "hello",
    });
  });

  for (const text of ["", "hello", "5,344;hello", "x,1,2,-;hello"]) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(parseRecord(text), undefined);
    });
  }
});

describe("the kernel's log", { skip }, () => {
  it("holds records of the kernel", () => {
    const log = openKernelLog({});
    const { records } = log.next();
    log.close();
    assert.ok(records.some(({ facility }) => facility === 0));
  });

  it("gives what is new since the skip, once", async () => {
    for (const libc of [await realLibc(), {}]) {
      const log = openKernelLog(libc);
      log.skip();
      write("lull test: one\n");
      write("<0>lull test: pretends to be the kernel\n");
      const { records, lost } = log.next();
      const again = log.next();
      log.close();
      const ours = records.filter(({ message }) => message.startsWith("lull"));
      assert.deepEqual(
        ours.map(({ message, facility }) => [message, facility]),
        // the kernel lets nobody be facility 0
        [["lull test: one", 1], ["lull test: pretends to be the kernel", 1]],
      );
      assert.equal(lost, false);
      assert.equal(
        again.records.some(({ message }) => message.startsWith("lull")),
        false,
      );
    }
  });

  it("cannot be opened where there is none", () => {
    assert.throws(() => openKernelLog({}, "/dev/missing"), { code: "ENOENT" });
  });
});

describe("the watch of the kernel's log", { skip }, () => {
  it("tells of new records while it is armed", async () => {
    let told = 0;
    const watch = new KernelLogWatch({
      libc: await realLibc(),
      onRecord: () => void told++,
      onError: (error) => assert.fail(error),
    });
    write("lull test: before\n");
    watch.arm();
    watch.arm(); // twice is once
    write("lull test: first\n");
    await until("the first record", () => told >= 1);
    write("lull test: second\n");
    await until("the second record", () => told >= 2);
    assert.equal(watch.wakes, told);

    watch.disarm();
    const before = told;
    write("lull test: nobody listens, and the read ends\n");
    watch.arm(); // the read may still be under way, or have ended
    write("lull test: third\n");
    await until("the third record", () => told > before);

    watch.disarm();
    write("lull test: the last read ends\n");
  });

  it("says at once that it cannot watch", () => {
    const options = { onRecord() {}, onError() {} };
    const blind = new KernelLogWatch({ libc: {}, ...options });
    assert.throws(() => blind.arm(), /Cannot call lseek/);
    const libc = { lseek: () => 0 };
    const path = "/dev/missing";
    const missing = new KernelLogWatch({ libc, path, ...options });
    assert.throws(() => missing.arm(), { code: "ENOENT" });
  });
});
