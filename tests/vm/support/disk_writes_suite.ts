import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";
import { type Kind, KINDS } from "../../../src/lifecycle/request.ts";
import { until } from "../../support/until.ts";
import { health, LIMIT, prepareSettled, recover } from "./agent.ts";
import { Fleet, say } from "./fleet.ts";
import type { Variant } from "./image.ts";
import type { Machine } from "./machine.ts";

/** Sectors of 512 bytes that a freeze and a thaw may write: the superblocks say that they are clean. */
const FREEZE_SECTORS = 256;

/** The sectors that were written to each disk so far, with all that waits to be written. */
async function sectors(machine: Machine): Promise<string> {
  return await machine.sh(
    "sync; awk '$3 ~ /^vd.$/ {print $3, $10}' /proc/diskstats",
  );
}

function sum(counts: string): number {
  return counts.split("\n").reduce(
    (all, line) => all + Number(line.split(" ")[1]),
    0,
  );
}

/** What a host may give a fork beside the time and entropy. */
const IDENTITY = {
  renew: ["machine-id", "boot-id", "random-seed"],
  credentials: { token: { data: "c2VjcmV0cw==" } },
  env: { REGION: "north" },
};

/** A prepare, and a recovery with what a host tells each fork, and `more`. */
async function round(
  machine: Machine,
  kind: Kind,
  more: object = {},
): Promise<void> {
  await prepareSettled(machine, `kind=${kind}`);
  const { steps } = await recover(machine, {
    outcome: "restored",
    hostTime: Date.now(),
    entropy: randomBytes(32).toString("base64"),
    ...more,
  });
  for (const step of steps) {
    assert.match(step.status, /^(done|skipped)$/, JSON.stringify(step));
  }
}

/** Waits until the guest writes nothing by itself any more: ext4 initialises a new filesystem late. */
async function quiet(machine: Machine): Promise<string> {
  let last = await sectors(machine);
  return await until("quiet disks", async () => {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const now = await sectors(machine);
    if (now === last) return now;
    last = now;
    return undefined;
  }, LIMIT);
}

/** Declares the tests of what an agent of this variant writes to disks. */
export function diskWrites(variant: Variant): void {
  describe(`the disks under ${variant}`, () => {
    const fleet = new Fleet(variant, { root: "disk" });

    fleet.test("no prepare and no recovery writes a sector", async () => {
      const machine = await fleet.copy();
      const id = "0123456789abcdef0123456789abcdef";
      await machine.sh(`echo ${id} >/etc/machine-id`);
      // What is read for the first time gets a new access time.
      for (const kind of KINDS) await round(machine, kind, IDENTITY);
      const before = await quiet(machine);
      for (const kind of ["full", "diff", "full"] as const) {
        await round(machine, kind);
      }
      assert.equal(await sectors(machine), before);
      await prepareSettled(machine, "kind=full");
      const snapshot = await fleet.snapshot(machine, "prepared");
      await fleet.kill(machine);
      const fork = await fleet.restore(snapshot);
      await fork.cont();
      await health(fork);
      assert.equal(await sectors(fork), before, "a fork");
      await round(fork, "diff", IDENTITY);
      assert.equal(await sectors(fork), before, "a new identity");
      assert.notEqual(await fork.sh("cat /etc/machine-id"), id);
      await round(fork, "disk");
      const frozen = sum(await sectors(fork)) - sum(before);
      say(`${frozen} sectors by a freeze and a thaw`);
      assert.ok(frozen <= FREEZE_SECTORS, `${frozen}`);
      // The counter counts.
      const last = await sectors(fork);
      await fork.sh("echo x >/root/x");
      assert.notEqual(await sectors(fork), last);
    });
  });

  describe(`a read-only root under ${variant}`, () => {
    const fleet = new Fleet(variant, { root: "readonly" });

    fleet.test("whole rounds of each kind, and a fork", async () => {
      const machine = await fleet.copy();
      const refused = await machine.exec("echo x >/root/x");
      assert.match(refused.stderr, /Read-only file system/);
      for (const kind of KINDS) await round(machine, kind);
      await prepareSettled(machine);
      const snapshot = await fleet.snapshot(machine, "prepared");
      await fleet.kill(machine);
      const fork = await fleet.restore(snapshot);
      await fork.cont();
      assert.equal((await health(fork)).state, "running");
      const log = await fork.sh("cat /run/lull.log");
      assert.doesNotMatch(log, /EROFS|Read-only|"level":"(WARN|ERROR)"/);
    });
  });
}
