import assert from "node:assert/strict";
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Done, Skipped } from "../../src/lifecycle/step.ts";
import type { Libc } from "../../src/linux/libc.ts";
import {
  pageOutFiles,
  readAhead,
  WorkingSet,
} from "../../src/memory/working_set.ts";
import type { Zeroed } from "../../src/memory/zero.ts";
import { zeroStep } from "../../src/steps/zero.ts";
import { stepContext } from "../support/hooks.ts";
import { pageBytes } from "../../src/linux/page_size.ts";
import { unexpected } from "../support/deferred.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const MIB = 2 ** 20;
const PAGE = pageBytes();

/** linux/magic.h: files that are memory cannot be put out of it. */
const TMPFS = statfsSync(tmpdir()).type === 0x01021994 &&
  "the temporary directory is a tmpfs";

/** Resident bytes of a file that this process has mapped (proc_pid_smaps(5)). */
function residentOf(file: string): number {
  const text = readFileSync("/proc/self/smaps", "utf8");
  const entry = text.slice(text.indexOf(file));
  return Number(/^Rss:\s+(\d+) kB/m.exec(entry)?.[1]) * 1024;
}

/** A file that this process has mapped, all of it in memory. */
function mapFile(libc: Libc, pages: number) {
  const directory = mkdtempSync(join(tmpdir(), "lull-test-"));
  const file = join(directory, "mapped");
  writeFileSync(file, new Uint8Array(pages * PAGE).fill(1));
  const descriptor = openSync(file, "r");
  fsyncSync(descriptor);
  const size = BigInt(pages * PAGE);
  // PROT_READ, MAP_PRIVATE, MADV_POPULATE_READ
  const address = libc.mmap!(0n, size, 1, 2, descriptor, 0n);
  assert.equal(libc.madvise!(address, size, 22), 0);
  return {
    file,
    address,
    [Symbol.dispose]() {
      libc.munmap!(address, size);
      closeSync(descriptor);
      rmSync(directory, { recursive: true });
    },
  };
}

describe("the release step", () => {
  test("puts the program out of memory, and reads ahead again after", async () => {
    const libc = await realLibc();
    const advices: number[] = [];
    const noting: Libc = {
      ...libc,
      madvise: (address, bytes, advice) => {
        advices.push(advice);
        return libc.madvise!(address, bytes, advice);
      },
    };
    const step = zeroStep(noting, {
      pageOut: () => void pageOutFiles(noting),
      undo: () => readAhead(noting),
      zeroBytes: 4 * MIB,
    });
    const done = await step.quiesce(stepContext()) as Done;
    assert.equal((done.effect.zeroed as Zeroed).whole, true);
    assert.ok(advices.indexOf(1) < advices.indexOf(21));
    const count = advices.filter((advice) => advice === 1).length;
    advices.length = 0;
    await done.undo!({} as never);
    assert.ok(advices.length > 0 && advices.length >= count - 2);
    assert.ok(advices.every((advice) => advice === 0));
  });

  // The runtime's own pages stay where other processes run it too.
  test("puts a file's pages out of memory", { skip: TMPFS }, async () => {
    const libc = await realLibc();
    using mapped = mapFile(libc, 1024);
    const { file } = mapped;
    assert.equal(residentOf(file), 4 * MIB);
    const on = { pageOut: () => void pageOutFiles(libc), zeroBytes: 0 };
    await zeroStep(libc, on).quiesce(stepContext());
    assert.ok(residentOf(file) < MIB, `${residentOf(file)}`);
  });

  test("leaves in memory what came back since the last time", {
    skip: TMPFS,
  }, async () => {
    const libc = await realLibc();
    using mapped = mapFile(libc, 64);
    const { address, file } = mapped;
    const read = (page: number, pages: number) => {
      const from = address + BigInt(page * PAGE);
      assert.equal(libc.madvise!(from, BigInt(pages * PAGE), 22), 0);
    };
    const program = new WorkingSet(libc, unexpected);
    // A page that came in on another CPU stays until that CPU has put it on the
    // kernel's list, so that it is asked for again.
    const out = (left: number) =>
      until(`${left} pages in memory`, () => {
        program.pageOut();
        return residentOf(file) === left * PAGE;
      });
    program.record(); // nothing has gone out yet, so nothing is learnt
    await out(0);
    read(3, 2);
    read(40, 1);
    program.record();
    program.invalidate();
    read(0, 64);
    program.record(); // not all else was out
    await out(3);
    read(60, 4);
    program.record();
    read(0, 64);
    await out(7);
    read(10, 2);
    program.trim(); // the first: what is there stays
    read(0, 64);
    program.trim();
    await out(9);
  });

  test("is skipped where it is switched off or has no libc", async () => {
    const off = { zeroBytes: 0 };
    const one = await zeroStep(await realLibc(), off).quiesce(
      stepContext(),
    ) as Skipped;
    assert.match(one.skipped, /switched off/);
    const on = { pageOut: () => assert.fail("no libc"), zeroBytes: MIB };
    const other = await zeroStep({}, on).quiesce(stepContext()) as Skipped;
    assert.match(other.skipped, /C library/);
  });
});
