import assert from "node:assert/strict";
import { describe } from "node:test";
import { prepareSettled, stepOf } from "./support/agent.ts";
import { Fleet, say } from "./support/fleet.ts";
import { ROUND_FLAGS, roundSuite } from "./support/round_suite.ts";

const MIB = 2 ** 20;

/** Writes and frees 100 MiB, none of it zeros. */
const HISTORY = `head -c 1048576 /dev/urandom >/tmp/seed
for i in $(seq 100); do cat /tmp/seed; done >/tmp/file
rm /tmp/file /tmp/seed`;

describe("a guest on arm64 whose pages have 16 KiB", () => {
  const fleet = new Fleet("bun", {
    guest: "arm64-16k",
    // All of its free memory is zeroed within the limit of the step, on a busy host too.
    memory: 384,
    flags: [...ROUND_FLAGS, "--zero-memory-mib=512"],
  });
  roundSuite(fleet, "arm64-16k", {
    machine: "aarch64",
    library: /\/libc\.so\.6$/m,
    hypervisor: /linux,dummy-virt QEMU$/,
  });

  fleet.test("the stale bytes of freed memory become zeros", async () => {
    const machine = await fleet.copy();
    await machine.sh(HISTORY);
    const stale = await fleet.snapshot(machine, "stale");
    await machine.cont();
    const { steps } = await prepareSettled(machine);
    const { zeroed } = stepOf(steps, "zero").effect as {
      zeroed: { bytes: number };
    };
    const { bytes } = await fleet.snapshot(machine, "zeroed");
    say(`zeroed ${Math.round(zeroed.bytes / MIB)} MiB`);
    // The history's 100 MiB, except what was free or on a list of a CPU before.
    assert.ok(zeroed.bytes > 80 * MIB, `${zeroed.bytes} bytes`);
    assert.ok(
      stale.bytes - bytes > 60 * MIB,
      `${stale.bytes} to ${bytes} bytes`,
    );
    await fleet.kill(machine);
  });
});
