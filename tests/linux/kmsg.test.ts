import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  openSync,
  readSync,
  writeFileSync,
} from "node:fs";
import {
  isFromKernel,
  KernelLogWatch,
  openKernelLog,
} from "../../src/linux/kmsg.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { kernelLogProblem } from "../support/kernel_log.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const runtime = await loadRuntime();
const skip = kernelLogProblem();

/** What any root process can do to the kernel's log. */
function write(text: string): void {
  writeFileSync("/dev/kmsg", text);
}

const encode = (text: string) => new TextEncoder().encode(text);

/** All records, each as the kernel gives it. */
function recordsOf(): string[] {
  const { O_RDONLY, O_NONBLOCK } = constants;
  const log = openSync("/dev/kmsg", O_RDONLY | O_NONBLOCK);
  const buffer = new Uint8Array(8192);
  const records: string[] = [];
  for (;;) {
    try {
      const length = readSync(log, buffer);
      records.push(new TextDecoder().decode(buffer.subarray(0, length)));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") continue; // overwritten meanwhile
      closeSync(log);
      if (code === "EAGAIN") return records;
      throw error;
    }
  }
}

describe("a message of the kernel", () => {
  const is = (message: string, record: string) => {
    const bytes = new Uint8Array(8192);
    // What a longer record has left behind it in the buffer.
    bytes.set(encode("6,1,2,-;hello world, hello world, hello world"));
    bytes.set(encode(record));
    return isFromKernel(message, bytes, encode(record).length);
  };

  it("is the whole of a record's message, before its dictionary", () => {
    assert.ok(is("random: a; b", "5,344,1283562,-;random: a; b\n"));
    assert.ok(is("random: a; b", "5,344,12,-;random: a; b\n SUBSYSTEM=x\n"));
    assert.ok(is("hello", "7,345,1283563,-,caller=T1;hello\n"));
    assert.ok(is("hello", "0,345,1283563,-;hello"));
  });

  it("is no part of another one", () => {
    for (const message of ["hell", "hello!", "x hello", " hello", ""]) {
      const record = `6,344,12,-;${message}\n`;
      assert.equal(is("hello", record), false, message);
      assert.equal(is("hello", `6,344,12,-;${message}`), false, message);
    }
    assert.equal(is("hello", "6,344,12,-;other\n hello\n"), false);
    assert.equal(is("hello, hello", "6,1,2,-;hello"), false);
  });

  it("is only the kernel's: another facility does not count", () => {
    for (const priority of [8, 12, 30, 185]) {
      assert.equal(is("hello", `${priority},344,12,-;hello\n`), false);
    }
  });

  for (const text of ["", "hello", ",,,", "5,344,hello", "x,1,2,-;hello"]) {
    it(`is not in ${JSON.stringify(text)}`, () => {
      assert.equal(is("hello", text), false);
    });
  }
});

describe("the kernel's log", { skip }, () => {
  it("holds messages of the kernel, and each is found once", async () => {
    const said = /^[0-7],\d+,\d+,[^;]*;(.*)\n/;
    for (const libc of [await realLibc(), {}]) {
      // On a busy machine, the kernel may overwrite its oldest records meanwhile.
      await until("a look at which nothing is lost", () => {
        // what the kernel itself said last
        const last = recordsOf().findLast((record) => said.test(record))!;
        const [, message] = said.exec(last)!;
        const log = openKernelLog(libc);
        try {
          const first = log.find(message);
          if (first.lost) return false;
          assert.equal(first.found, true);
          while (log.find(message).found);
          assert.deepEqual(log.find(message), { found: false, lost: false });
          return true;
        } finally {
          log.close();
        }
      });
    }
  });

  it("skips old records, and a program cannot write as the kernel", async () => {
    for (const libc of [await realLibc(), {}]) {
      const log = openKernelLog(libc);
      log.skip();
      assert.deepEqual(log.find(""), {
        found: false,
        lost: false,
      });
      // the kernel lets no program write with facility 0
      write("<0>lull test: pretends to be the kernel\n");
      const message = "lull test: pretends to be the kernel";
      assert.deepEqual(log.find(message), { found: false, lost: false });
      log.close();
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
      runtime,
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
    write("lull test: no watch listens, and the read ends\n");
    watch.arm(); // the read may still be under way, or have ended
    write("lull test: third\n");
    await until("the third record", () => told > before);

    watch.disarm();
    write("lull test: the last read ends\n");
  });

  it("says at once that it cannot watch", () => {
    const options = { runtime, onRecord() {}, onError() {} };
    const blind = new KernelLogWatch({
      ...options,
      libc: {},
      runtime: { openWatch: () => ({ fd: -1, next: () => Promise.resolve() }) },
    });
    assert.throws(() => blind.arm(), /Cannot call lseek/);
    const libc = { lseek: () => 0 };
    const path = "/dev/missing";
    const missing = new KernelLogWatch({ libc, path, ...options });
    assert.throws(() => missing.arm(), { code: "ENOENT" });
  });

  it("tells of an error behind a record, which no caller waits for", async () => {
    const errors: unknown[] = [];
    const watch = new KernelLogWatch({
      runtime: { openWatch: () => ({ fd: -1, next: () => Promise.resolve() }) },
      libc: { lseek: () => 0 },
      onRecord() {
        throw new Error("no descriptor is free");
      },
      onError: (error) => errors.push(error.message),
    });
    watch.arm();
    await until("the error", () => errors.length > 0);
    assert.deepEqual(errors, ["no descriptor is free"]);
    watch.disarm();
  });
});
