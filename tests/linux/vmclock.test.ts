import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { findVmClock } from "../../src/doctor/machine.ts";
import { readVmClock } from "../../src/linux/vmclock.ts";
import { writeVmClock } from "../support/vmclock_file.ts";

describe("the VMClock device", () => {
  let base = "";
  let path = "";
  before(() => {
    base = mkdtempSync(join(tmpdir(), "lull-vmclock-"));
    path = join(base, "vmclock0");
  });
  after(() => rmSync(base, { recursive: true, force: true }));

  test("has both counters", () => {
    const max = 2n ** 64n - 1n;
    writeVmClock(path, { disruption: max, generation: 2n ** 63n });
    assert.deepEqual(readVmClock(path), {
      disruption: max,
      generation: 2n ** 63n,
    });
    assert.match(findVmClock(path), /counts the restores/);
  });

  test("counts no generations without its flag, or if it ends before them", () => {
    for (const fields of [{ flags: 1n }, { size: 104 }, { length: 104 }]) {
      writeVmClock(path, { ...fields, generation: 5n });
      assert.deepEqual(readVmClock(path), {
        disruption: 7n,
        generation: undefined,
      });
    }
    assert.match(findVmClock(path), /counts no generations/);
  });

  test("that does not exist is none", () => {
    assert.equal(readVmClock(join(base, "none")), undefined);
    assert.throws(() => findVmClock(join(base, "none")), {
      message: "this machine has no VMClock device with a driver",
    });
  });

  test("is not read while the hypervisor changes it", () => {
    writeVmClock(path, { sequence: 3 });
    assert.throws(() => readVmClock(path), /the hypervisor is changing it/);
  });

  test("that is another device is refused", () => {
    for (
      const [fields, why] of [
        [{ magic: 1 }, /it is no VMClock/],
        [{ version: 2 }, /its version is 2/],
        [{ length: 31 }, /too few bytes/],
        [{ length: 0 }, /too few bytes/],
      ] as const
    ) {
      writeVmClock(path, fields);
      assert.throws(() => readVmClock(path), why);
    }
  });
});
