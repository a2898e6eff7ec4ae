import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import {
  health,
  LIMIT,
  prepare,
  prepareSettled,
  settled,
  status,
} from "./agent.ts";
import {
  ALL_CPUS,
  assertOneCpu,
  assertRecovered,
  restoreAndCheck,
} from "./checks.ts";
import { type Fleet, say } from "./fleet.ts";
import { agentCpus, established, uptime } from "./guest.ts";
import { AGENT_PORT } from "./hardware.ts";

/** Prepare, snapshot, restore: the way that a host goes each time. */
export function restoreSuite(fleet: Fleet): void {
  fleet.test("prepare, settle, snapshot, restore, health", async () => {
    const source = await fleet.copy();
    const before = await health(source);
    assert.deepEqual(await agentCpus(source), ALL_CPUS);

    await prepare(source, "operation=first");
    const quiet = await settled(source);
    assert.equal(quiet.state, "quiesced");
    assert.equal(quiet.keepAlive, false);
    assert.equal(quiet.operation?.operation, "first");
    say(
      `${fleet.variant}: replied after ${quiet.operation?.quiescedMs} ms, ` +
        `settled after ${quiet.operation?.settledMs} ms`,
    );
    assertOneCpu(await agentCpus(source));
    await until(
      "no connection of the agent",
      async () => (await established(source, AGENT_PORT)).length === 0,
      LIMIT,
    );

    const snapshot = await fleet.snapshot(source, `${fleet.variant}, prepared`);
    await fleet.kill(source);
    const fork = await restoreAndCheck(
      fleet,
      snapshot,
      before.generation + 1,
    );
    await assertRecovered(fork, before.generation + 1);
    const { lastRecovery } = await status(fork);
    assert.equal(lastRecovery?.operation, "first");
    assert.match(lastRecovery?.trigger ?? "", /^(health|evidence)$/);
    // Undone in the reverse of what was done.
    const names = lastRecovery?.steps.map((step) => step.name) ?? [];
    const done = quiet.operation?.steps.map((step) => step.name) ?? [];
    assert.deepEqual(
      names.filter((name) => done.includes(name)),
      done.filter((name) => names.includes(name)).reverse(),
    );
    await fleet.kill(fork);
  });

  fleet.test("one snapshot restored into three forks at once", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    await prepareSettled(source);
    const snapshot = await fleet.snapshot(source, "for three forks");
    await fleet.kill(source);
    const forks = await Promise.all(
      [1, 2, 3].map(() => restoreAndCheck(fleet, snapshot, generation + 1)),
    );
    for (const fork of forks) await assertRecovered(fork, generation + 1);
    // Nothing that must be unique comes out of state that a fork copies.
    const ids = await Promise.all(forks.map((fork) => prepare(fork)));
    assert.equal(new Set(ids).size, 3, ids.join(" "));
    await fleet.kill(...forks);
  });

  fleet.test("two generations, and a prepare that is asked for twice", async () => {
    let machine = await fleet.copy();
    const { generation } = await health(machine);
    for (const round of [1, 2]) {
      await prepare(machine);
      await prepareSettled(machine);
      assertOneCpu(await agentCpus(machine));
      const snapshot = await fleet.snapshot(machine, `generation ${round}`);
      await fleet.kill(machine);
      machine = await restoreAndCheck(
        fleet,
        snapshot,
        generation + round,
      );
      await assertRecovered(machine, generation + round);
    }
    await fleet.kill(machine);
  });

  fleet.test("a prepare in a fork of a quiesced guest recovers it first", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    await prepareSettled(source, "operation=first");
    const snapshot = await fleet.snapshot(source, "for a second prepare");
    await fleet.kill(source);
    const fork = await fleet.restore(snapshot);
    await fork.cont();
    await prepareSettled(fork, "operation=second");
    const { lastRecovery } = await status(fork);
    assert.equal(lastRecovery?.operation, "first");
    assert.equal(lastRecovery?.outcome, "restored");
    assert.equal(lastRecovery?.generation, generation + 1);
    // The evidence of the restore was for the first operation alone.
    const end = await uptime(fork) + 600;
    await until(
      "0.6 s of the guest",
      async () => await uptime(fork) > end,
      LIMIT,
    );
    const quiet = await status(fork);
    assert.equal(quiet.state, "quiesced");
    assert.equal(quiet.operation?.operation, "second");
    assertOneCpu(await agentCpus(fork));
    await health(fork);
    await assertRecovered(fork, generation + 2);
    await fleet.kill(fork);
  });
}
