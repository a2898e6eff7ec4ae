import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ProblemDocument } from "../../src/http/routes/documents.ts";
import { until } from "../support/until.ts";
import {
  configure,
  health,
  LIMIT,
  prepare,
  prepareSettled,
  recover,
  recovered,
  restartAgent,
  status,
  stepOf,
} from "./support/agent.ts";
import { assertRecovered } from "./support/checks.ts";
import {
  assertConsistent,
  assertJournal,
  assertNoGap,
  assertUnitsUp,
  counts,
  isSliceFrozen,
  startBench,
  transactions,
} from "./support/debian_checks.ts";
import {
  assertTools,
  identityOf,
  mountedFiles,
  onDisk,
  useDhcp,
  valuesOf,
} from "./support/debian_identity.ts";
import { Fleet, say } from "./support/fleet.ts";
import { agentPid, assertRightTime, draws } from "./support/guest.ts";
import { addHook, removeHook } from "./support/hooks.ts";
import type { Machine } from "./support/machine.ts";

/** Milliseconds until the memory of an emulated guest is used up. */
const EATEN_LIMIT = 180_000;

/** A copy of the base, with all units up. */
async function booted(fleet: Fleet): Promise<Machine> {
  const machine = await fleet.copy();
  await machine.helperReady();
  await assertUnitsUp(machine);
  return machine;
}

describe("a Debian guest with systemd and databases", () => {
  const fleet = new Fleet("bun", { guest: "debian" });
  /** A fork that the first test leaves running: a boot takes long. */
  let recoveredFork: Machine | undefined;

  fleet.test("prepare under load, snapshot, forks whose units and databases go on", async () => {
    const source = await booted(fleet);
    await startBench(source);
    await until("counts", async () => (await counts(source)).length > 3, LIMIT);
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
      const goesOn = async () =>
        await transactions(fork) > frozen &&
        (await counts(fork)).length > before.length + 3;
      await until("transactions and counts", goesOn, LIMIT);
      await assertUnitsUp(fork);
      await assertRecovered(fork, generation + 1);
      assertNoGap(await counts(fork), frozenAt, hostTime);
      await assertConsistent(fork);
      assert.equal(await fork.sh("hostname"), `fork-${number}`);
      await assertJournal(fork);
      drawn.push(...await draws(fork));
      say(`fork ${number}: units and databases go on`);
      if (number < 3) await fleet.kill(fork);
      else fleet.keep(recoveredFork = fork);
    }
    assert.equal(new Set(drawn).size, 6, drawn.join(" "));
  });

  fleet.test("two forks at once share no part of an identity, and their disks stay", async () => {
    const source = await fleet.copy();
    await useDhcp(source);
    const template = await identityOf(source);
    const disk = await onDisk(source);
    await prepareSettled(source);
    const snapshot = await fleet.snapshot(source, "debian, for identities");
    await fleet.kill(source);
    const forks = [
      await fleet.restore(snapshot),
      await fleet.restore(snapshot),
    ];
    const identities = [template];
    for (const fork of forks) {
      await fork.cont();
      const { steps } = await recover(fork, {
        ...{ outcome: "restored", hostTime: Date.now() },
        ...{ renew: ["all"], requireRenewed: true },
      });
      const { effect, ms } = stepOf(steps, "renew");
      say(`renewed in ${Math.round(ms)} ms: ${JSON.stringify(effect)}`);
      const items = effect?.items as { item: string; status: string }[];
      assert.deepEqual(items.map(({ item, status }) => `${item} ${status}`), [
        ...["machine-id renewed", "ssh-host-keys renewed", "boot-id renewed"],
        ...["random-seed renewed", "dbus-id renewed", "cloud-init absent"],
      ]);
      await health(fork);
      const identity = await identityOf(fork, template);
      assert.equal(identity.dbusId, identity.machineId);
      assert.deepEqual(
        Object.keys(identity.keys),
        Object.keys(template.keys),
      );
      identities.push(identity);
    }
    assert.equal(Object.keys(template.keys).length, 3);
    const values = identities.flatMap(valuesOf);
    assert.equal(new Set(values).size, values.length, values.join("\n"));
    const [fork, other] = forks;
    for (const [i, one] of forks.entries()) {
      await assertTools(one, identities[i + 1]);
      await assertUnitsUp(one);
      assert.equal(await onDisk(one), disk);
    }
    await fleet.kill(other);
    const mounts = await mountedFiles(fork);
    // The next generation is another machine, with the same mounts. (RSA keys take long here.)
    await prepareSettled(fork);
    await recover(fork, {
      outcome: "restored",
      renew: ["machine-id", "boot-id", "random-seed"],
    });
    const { machineId, bootId, seed } = await identityOf(fork, identities[1]);
    const all = [...values, machineId, bootId, seed];
    assert.equal(new Set(all).size, all.length, all.join("\n"));
    assert.deepEqual(await mountedFiles(fork), mounts);
    assert.equal(await onDisk(fork), disk);
  });

  fleet.test("the lease, kill -9 while frozen, and a hook that uses up the memory", async () => {
    const machine = recoveredFork
      ? fleet.add(recoveredFork)
      : await booted(fleet);
    await prepare(machine, "lease=10");
    assert.equal((await recovered(machine)).trigger, "lease");

    await prepareSettled(machine);
    assert.ok(await isSliceFrozen(machine));
    await restartAgent(machine, "KILL");
    assert.equal(await isSliceFrozen(machine), false);
    await assertUnitsUp(machine);

    // The kernel kills as soon as the pages of the last second do not fit. Without
    // this, it reads programs from the disk again and again, for minutes.
    await machine.sh("echo 1000 >/sys/kernel/mm/lru_gen/min_ttl_ms");
    // `tail` keeps a line until its end, which never comes.
    await addHook(machine, "50-eats", "[ $1 = thaw ] || tail /dev/zero");
    const pid = await agentPid(machine);
    const start = performance.now();
    const response = await machine.fetch("/snapshot/prepare", {
      method: "POST",
      signal: AbortSignal.timeout(EATEN_LIMIT),
    });
    const problem = await response.json() as ProblemDocument;
    const ms = Math.round(performance.now() - start);
    say(`the hook was killed, and all undone, after ${ms} ms`);
    assert.equal(response.status, 503, JSON.stringify(problem));
    assert.equal(problem.report?.undo.outcome, "aborted");
    assert.match(
      await machine.sh("dmesg | grep 'Killed process'"),
      /^[^\n]*Out of memory: Killed process \d+ \(tail\)[^\n]*$/,
    );
    assert.equal(await agentPid(machine), pid);
    assert.equal(await isSliceFrozen(machine), false);
    assert.equal((await status(machine)).state, "running");
    await assertUnitsUp(machine);
    await removeHook(machine, "50-eats");
    const { generation } = await health(machine);
    await prepareSettled(machine);
    await health(machine);
    await assertRecovered(machine, generation + 1);
    await fleet.kill(machine);
  });

  fleet.test("all cgroups freeze but those of the agent and of systemd's daemons", async () => {
    const machine = await booted(fleet);
    await configure(machine, {
      workloadCgroup: ["all"],
      // It runs what the test asks for.
      workloadExcept: ["system.slice/helper.service"],
      ...{ forwardPorts: false, dropCaches: "off", zeroMemoryMib: 0 },
    });
    const { generation } = await health(machine);
    const { steps } = await prepareSettled(machine);
    const { effect } = stepOf(steps, "workload");
    say(`frozen: ${JSON.stringify(effect)}`);
    const frozen = [
      ...["work.slice", "user.slice", "system.slice/system-postgresql.slice"],
      "system.slice/systemd-logind.service",
    ];
    const running = [
      ...["init.scope", "system.slice", "system.slice/lull.service"],
      ...["dbus", "systemd-journald", "systemd-networkd", "helper"].map(
        (name) => `system.slice/${name}.service`,
      ),
    ];
    const states = await machine.sh(
      `cd /sys/fs/cgroup; for name in ${[...frozen, ...running].join(" ")}; ` +
        "do echo $name $(sed -n 's/^frozen //p' $name/cgroup.events); done",
    );
    assert.deepEqual(states.trim().split("\n"), [
      ...frozen.map((name) => `${name} 1`),
      ...running.map((name) => `${name} 0`),
    ]);
    const before = (await counts(machine)).length;
    const { steps: undone } = await recover(machine, { outcome: "resumed" });
    assert.equal(stepOf(undone, "workload").status, "done");
    assert.equal((await health(machine)).generation, generation + 1);
    await until(
      "counts",
      async () => (await counts(machine)).length > before + 3,
      LIMIT,
    );
    await assertUnitsUp(machine);
  });
});
