import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Diagnosis } from "../../../src/doctor/main.ts";
import { until } from "../../support/until.ts";
import {
  callRecover,
  health,
  LIMIT,
  prepare,
  prepareSettled,
  recover,
  recovered,
  restartAgent,
  status,
  stepOf,
} from "./agent.ts";
import { assertRecovered } from "./checks.ts";
import { type Fleet, KEEP_MEMORY } from "./fleet.ts";
import { agentPid, assertRightTime, draws, forksNoticed } from "./guest.ts";
import { type GuestKind, GUESTS } from "./guests.ts";
import type { Machine } from "./machine.ts";
import { CGROUP, isFrozen, startInCgroup } from "./workload.ts";

/** The flags of the agent in a guest of a round. */
export const ROUND_FLAGS: readonly string[] = [
  `--workload-cgroup=${CGROUP}`,
  "--no-forward-ports",
  ...KEEP_MEMORY,
];

/** What a kind of guest shows of itself. */
export interface Expected {
  readonly machine: "x86_64" | "aarch64";
  /** The C library that the agent has loaded. */
  readonly library: RegExp;
  /** What `lull doctor` finds of the hypervisor. */
  readonly hypervisor: RegExp;
}

/** What a host gives to one fork only. */
function ownData(number: number): Record<string, unknown> {
  return {
    outcome: "restored",
    hostTime: Date.now(),
    entropy: randomBytes(32).toString("base64"),
    requireEntropy: true,
    network: { hostname: `fork-${number}` },
  };
}

/** A program that counts in the frozen cgroup. */
async function startCounter(machine: Machine): Promise<void> {
  const loop =
    "n=0; while :; do n=\\$((n+1)); echo \\$n >/run/count; sleep 0.05; done";
  await startInCgroup(machine, `sh -c "${loop}"`);
  await assertCounts(machine);
}

async function assertCounts(machine: Machine): Promise<void> {
  const count = async () =>
    Number((await machine.exec("cat /run/count")).stdout);
  const before = await count();
  await until(
    "the workload's count",
    async () => await count() > before,
    LIMIT,
  );
}

/** One round on a kind of guest: all that a host does, and what may go wrong meanwhile. */
export function roundSuite(fleet: Fleet, kind: GuestKind, expected: Expected) {
  fleet.test("the guest is what its name says, and the agent sees it", async () => {
    const machine = await fleet.copy();
    const pid = await agentPid(machine);
    assert.equal(await machine.sh("uname -m"), expected.machine);
    assert.match(await machine.sh(`cat /proc/${pid}/maps`), expected.library);
    const { pageBytes } = GUESTS[kind];
    const smaps = await machine.sh(`sed 8q /proc/${pid}/smaps`);
    assert.match(smaps, new RegExp(`KernelPageSize: +${pageBytes / 1024} kB`));
    // The agent counts its memory in pages; the kernel says kilobytes.
    const metrics = await (await machine.fetch("/metrics")).text();
    const counted = Number(/^lull_resident_bytes (\S+)$/m.exec(metrics)?.[1]);
    const told = 1024 *
      Number(await machine.sh(`awk '/^VmRSS/{print $2}' /proc/${pid}/status`));
    assert.ok(
      counted > told * 0.7 && counted < told * 1.3,
      `${counted} of ${told} bytes`,
    );

    const { stdout } = await machine.exec("lull doctor --json");
    const { checks }: Diagnosis = JSON.parse(stdout);
    const found = (name: string) => {
      const check = checks.find((check) => check.name === name);
      assert.ok(check?.works, JSON.stringify(check));
      return check.found;
    };
    assert.match(found("hypervisor"), expected.hypervisor);
    for (const name of ["vmgenid", "c-library", "random-pool", "kernel-log"]) {
      found(name);
    }
    await fleet.kill(machine);
  });

  fleet.test("prepare, snapshot, three forks with their own time, entropy and identity", async () => {
    const source = await fleet.copy();
    await startCounter(source);
    const { generation } = await health(source);
    await prepareSettled(source, "operation=round");
    assert.ok(await isFrozen(source));
    const snapshot = await fleet.snapshot(source, `${kind}, prepared`);
    await fleet.kill(source);

    const drawn: string[] = [];
    for (const number of [1, 2, 3]) {
      const fork = await fleet.restore(snapshot);
      await fork.cont();
      // The host calls two forks. The third recovers alone, and gets its data later.
      const alone = number === 3 ? await recovered(fork) : undefined;
      const called = Date.now();
      const { reply } = await callRecover(fork, ownData(number));
      const took = Date.now() - called;
      const report = alone ?? reply.recovery;
      assert.equal(report?.trigger, alone ? "evidence" : report?.trigger);
      assert.equal(report?.operation, "round");
      assert.equal(report.outcome, "restored");
      assert.equal(report.evidence?.restored, true);
      assert.equal(report.evidence.conclusive, true);
      assert.equal(await forksNoticed(fork), 1);
      const steps = alone ? reply.late : report.steps;
      assert.equal(stepOf(steps, "entropy").effect?.reseeded, true);
      assert.equal(stepOf(steps, "clock").status, "done");
      assert.equal(stepOf(steps, "network").status, "done");
      await assertRightTime(fork, Math.max(100, 2 * took));
      assert.equal(await fork.sh("hostname"), `fork-${number}`);
      assert.equal(await isFrozen(fork), false);
      await assertCounts(fork);
      await assertRecovered(fork, generation + 1);
      drawn.push(...await draws(fork), await prepare(fork));
      await fleet.kill(fork);
    }
    assert.equal(new Set(drawn).size, 9, drawn.join(" "));
  });

  fleet.test("the lease ends a prepare without a snapshot, and kill -9 leaves nothing frozen", async () => {
    const machine = await fleet.copy();
    await startCounter(machine);
    const { generation } = await health(machine);
    // The prepare itself takes seconds on a busy host.
    await prepare(machine, "lease=10");
    const expired = await recovered(machine);
    assert.equal(expired.outcome, "expired");
    assert.equal(expired.trigger, "lease");
    await assertRecovered(machine, generation + 1);
    await assertCounts(machine);

    await prepareSettled(machine);
    assert.ok(await isFrozen(machine));
    await restartAgent(machine, "KILL");
    assert.equal(await isFrozen(machine), false);
    await assertCounts(machine);
    assert.equal((await status(machine)).state, "running");
    await fleet.kill(machine);
  });
}

/** A guest whose machine has no generation id: it cannot know that it is a fork. */
export function bareSuite(fleet: Fleet): void {
  fleet.test("without a generation id, the report says what is not known", async () => {
    const machine = await fleet.copy();
    await prepareSettled(machine);
    const snapshot = await fleet.snapshot(machine, "no generation id");
    await fleet.kill(machine);
    const fork = await fleet.restore(snapshot);
    await fork.cont();
    const report = await recover(fork);
    assert.equal(report.evidence?.conclusive, false);
    assert.equal(report.evidence.restored, false);
    const source = report.evidence.sources.find(({ name }) =>
      name === "vmgenid"
    );
    assert.match(source?.reason ?? "", /no VMGenID device/);
    assert.notEqual(report.outcome, "restored");
    const entropy = stepOf(report.steps, "entropy");
    assert.notEqual(entropy.effect?.reseeded, true, JSON.stringify(entropy));
    assert.equal(await forksNoticed(fork), 0);
    const { status: code, reply } = await callRecover(fork, ownData(1));
    assert.equal(code, 200, JSON.stringify(reply));
    assert.equal(stepOf(reply.late, "entropy").effect?.reseeded, true);
    await fleet.kill(fork);
  });
}
