import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ProblemDocument } from "../../src/http/routes/documents.ts";
import { until } from "../support/until.ts";
import {
  health,
  LIMIT,
  prepare,
  prepareSettled,
  recover,
  recovered,
  status,
  stepOf,
} from "./support/agent.ts";
import { assertRecovered } from "./support/checks.ts";
import {
  assertConsistent,
  assertNoGap,
  assertUnitsUp,
  counts,
  isSliceFrozen,
  journal,
  startBench,
  transactions,
} from "./support/debian_checks.ts";
import { Fleet, say } from "./support/fleet.ts";
import { agentPid, assertRightTime, draws } from "./support/guest.ts";
import { addHook, removeHook } from "./support/hooks.ts";
import type { Machine } from "./support/machine.ts";

/** A copy of the base with all units up, and the databases at work. */
async function working(fleet: Fleet): Promise<Machine> {
  const machine = await fleet.copy();
  await machine.helperReady();
  await assertUnitsUp(machine);
  await until("a count", async () => (await counts(machine)).length > 3, LIMIT);
  return machine;
}

describe("a Debian guest with systemd and databases", () => {
  const fleet = new Fleet("bun", { guest: "debian" });

  fleet.test("prepare under load, snapshot, forks whose units and databases go on", async () => {
    const source = await working(fleet);
    await startBench(source);
    const { generation } = await health(source);
    const { steps } = await prepareSettled(source, "operation=debian");
    assert.equal(stepOf(steps, "filesystem").status, "done");
    assert.ok(await isSliceFrozen(source));
    const before = await counts(source);
    const frozen = await transactions(source);
    const snapshot = await fleet.snapshot(source, "debian, prepared");
    await fleet.kill(source);
    const frozenAt = Date.parse(
      String(stepOf(steps, "workload").effect?.frozenAt),
    );

    const drawn: string[] = [];
    for (const number of [1, 2, 3]) {
      const fork = await fleet.restore(snapshot);
      await fork.cont();
      const hostTime = Date.now();
      const report = await recover(fork, {
        ...{ outcome: "restored", hostTime },
        network: { hostname: `fork-${number}` },
      });
      const took = Date.now() - hostTime;
      assert.equal(report.outcome, "restored");
      assert.equal(report.evidence?.conclusive, true);
      await assertRightTime(fork, Math.max(100, 2 * took));
      await until(
        "transactions",
        async () => await transactions(fork) > frozen,
        LIMIT,
      );
      await until(
        "counts",
        async () => (await counts(fork)).length > before.length + 3,
        LIMIT,
      );
      await assertUnitsUp(fork);
      await assertRecovered(fork, generation + 1);
      assertNoGap(await counts(fork), frozenAt, hostTime);
      await assertConsistent(fork);
      assert.equal(await fork.sh("hostname"), `fork-${number}`);
      const lines = await journal(fork);
      const said = lines.map(({ message }) => message);
      const milestones = ["listening", "recovered"];
      assert.deepEqual(
        said.filter((message) => milestones.includes(message)),
        milestones,
      );
      for (const clock of ["monotonic", "time"] as const) {
        const times = lines.map((line) => line[clock]);
        assert.deepEqual(times, times.toSorted((a, b) => a - b), clock);
      }
      drawn.push(...await draws(fork));
      await fleet.kill(fork);
    }
    assert.equal(new Set(drawn).size, 6, drawn.join(" "));
  });

  fleet.test("the lease, kill -9 while frozen, and a hook that uses up the memory", async () => {
    const machine = await working(fleet);
    const { generation } = await health(machine);
    await prepare(machine, "lease=1");
    assert.equal((await recovered(machine)).trigger, "lease");

    await prepareSettled(machine);
    const before = await agentPid(machine);
    await machine.sh(`kill -9 ${before}`);
    await until(
      "another agent",
      async () => ![0, before].includes(await agentPid(machine)),
      LIMIT,
    );
    await machine.ready();
    assert.equal(await isSliceFrozen(machine), false);
    await assertUnitsUp(machine);

    // `tail` keeps a line until its end, which never comes.
    await addHook(machine, "50-eats", "[ $1 = thaw ] || tail /dev/zero");
    const pid = await agentPid(machine);
    const start = performance.now();
    const response = await machine.fetch("/snapshot/prepare", {
      method: "POST",
    });
    const problem = await response.json() as ProblemDocument;
    say(
      `the hook was killed after ${Math.round(performance.now() - start)} ms`,
    );
    assert.equal(response.status, 503);
    assert.equal(problem.report?.undo.outcome, "aborted");
    assert.match(
      await machine.sh("dmesg"),
      /Out of memory: Killed process \d+ \(tail\)/,
    );
    assert.equal(await agentPid(machine), pid);
    assert.equal(await isSliceFrozen(machine), false);
    assert.equal((await status(machine)).state, "running");
    await assertUnitsUp(machine);
    await removeHook(machine, "50-eats");
    await prepareSettled(machine);
    await health(machine);
    await assertRecovered(machine, generation + 3);
    await fleet.kill(machine);
  });
});
