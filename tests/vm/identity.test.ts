import assert from "node:assert/strict";
import { after, describe } from "node:test";
import { until } from "../support/until.ts";
import {
  callRecover,
  configure,
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
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import { assertRightTime, draws, guestMs, wallClock } from "./support/guest.ts";
import type { Machine } from "./support/machine.ts";
import { layDown, type Sleeper } from "./support/sleeper.ts";
import {
  assertLoopbackLives,
  assertNoStaleMark,
  CGROUP,
  endOf,
  heard,
  recorded,
} from "./support/workload.ts";

/** Milliseconds that the snapshot lies in its file before its clock is tested. */
const LAY_MS = 10_000;
const HOUR_MS = 3_600_000;

describe("a restored machine becomes one of its own", () => {
  const fleet = new Fleet("bun", {
    flags: [
      `--workload-cgroup=${CGROUP}`,
      "--no-forward-ports",
      ...KEEP_MEMORY,
    ],
  });
  let made: Promise<Sleeper> | undefined;
  const sleeper = () => made ??= layDown(fleet);
  after(async () => await (await made)?.peer[Symbol.asyncDispose]());

  /** Restored with the same generation id: the guest itself knows nothing. */
  async function wakeLate(): Promise<Machine> {
    const { snapshot, stoppedAt } = await sleeper();
    await until(
      "the snapshot to be old",
      () => performance.now() > stoppedAt + LAY_MS,
      LAY_MS + 1000,
    );
    return await fleet.restore(snapshot, "same");
  }

  fleet.test("three forks that get no call recover on their own, and draw different numbers", async () => {
    const { snapshot, generation, uptime, frozenAt } = await sleeper();
    const drawn: string[] = [];
    for (const _ of [1, 2, 3]) {
      const fork = await fleet.restore(snapshot);
      await fork.cont();
      const report = await recovered(fork);
      const marks = await until("a mark after it", async () => {
        const marks = await recorded(fork);
        return marks.at(-1)!.wall > frozenAt + 1 ? marks : undefined;
      }, LIMIT);
      const thawed = marks.find(({ wall }) => wall > frozenAt + 1)!;
      const took = Math.round(thawed.uptime - uptime);
      say(`no call came: the workload ran on after ${took} ms of guest time`);
      assert.ok(took < guestMs(fork, 3000), `${took} ms`);
      assert.equal(report.trigger, "evidence");
      assert.equal(report.outcome, "restored");
      assert.equal(report.evidence?.restored, true);
      const { effect } = stepOf(report.steps, "entropy");
      assert.equal(effect?.reseeded, true);
      assert.deepEqual(effect.sources, ["kernel"]);
      assert.match(await endOf(fork), /^ended/);
      await assertRecovered(fork, generation + 1);
      drawn.push(...await draws(fork), await prepare(fork));
      await fleet.kill(fork);
    }
    assert.equal(new Set(drawn).size, 9, drawn.join(" "));
  });

  fleet.test("the machine that was stopped and goes on keeps its connections", async () => {
    const { source, generation, peer, frozenAt } = await sleeper();
    await source.cont();
    assert.equal((await health(source)).generation, generation + 1);
    const { lastRecovery } = await status(source);
    assert.equal(lastRecovery?.outcome, "resumed");
    assert.equal(lastRecovery.evidence?.conclusive, true);
    const { reason } = stepOf(lastRecovery.steps, "reset-connections");
    assert.match(reason ?? "", /left alone/);
    await assertRecovered(source, generation + 1);
    peer.connections[0].write("from the host\n");
    await until(
      "the word of the host",
      async () => (await heard(source, "host")).includes("line from the host"),
      LIMIT,
    );
    await assertLoopbackLives(source, "resumed");
    assert.ok((await recorded(source)).at(-1)!.wall > frozenAt);
    await fleet.kill(source);
  });

  fleet.test("its clock is right before the workload runs on, and stale connections end", async () => {
    const { generation, frozenAt } = await sleeper();
    const fork = await wakeLate();
    await fork.cont();
    const hostTime = Date.now();
    const report = await recover(fork, { outcome: "restored", hostTime });
    const replied = Date.now();
    // What the call was on its way is missing: little on a real processor.
    const way = Math.max(100, replied - hostTime);
    const { effect } = stepOf(report.steps, "clock");
    assert.equal(effect?.source, "request");
    assert.equal(effect.stepped, true);
    assert.ok(Number(effect.skewBeforeMs) < -LAY_MS);
    const skew = Math.abs(Number(effect.skewAfterMs));
    assert.ok(skew <= Math.max(50, replied - hostTime), `${skew} ms`);
    await assertRightTime(fork, way);
    assert.equal(
      stepOf(report.steps, "reset-connections").effect?.destroyed,
      1,
    );
    const ended = Number((await endOf(fork)).split(" ")[1]) * 1000;
    assert.ok(ended - replied < guestMs(fork, 1000), `${ended - replied} ms`);
    await assertLoopbackLives(fork, "restored");

    const marks = await recorded(fork);
    assertNoStaleMark(marks, frozenAt + 1, hostTime);
    const published = JSON.parse(await fork.sh("cat /run/lull/generation"));
    assert.equal(published.generation, generation + 1);
    assert.equal(published.operation, "sleeper");
    assert.equal(published.outcome, "restored");
    // Not one count longer than it had to.
    const thawed = marks.find(({ wall }) => wall >= hostTime)!;
    assert.ok(thawed.wall >= Date.parse(published.time));
    const most = hostTime + 2 * (replied - hostTime) + guestMs(fork, 500);
    assert.ok(thawed.wall < most, `${thawed.wall - most} ms too late`);
    await assertRecovered(fork, generation + 1);
    await fleet.kill(fork);
  });

  fleet.test("without host time the report says that the clock may be late, and a later call sets it", async () => {
    const fork = await wakeLate();
    await fork.cont();
    await health(fork);
    const { lastRecovery } = await status(fork);
    const clock = stepOf(lastRecovery?.steps, "clock");
    assert.equal(clock.status, "skipped");
    assert.match(clock.reason ?? "", /may be late/);
    // No generation id to go by, but the hardware clock went on.
    assert.equal(lastRecovery?.evidence?.restored, false);
    assert.equal(lastRecovery?.evidence?.paused, true);
    assert.ok(Date.now() - await wallClock(fork) > LAY_MS);

    const { ms } = await health(fork, { "lull-host-time": `${Date.now()}` });
    await assertRightTime(fork, Math.max(100, ms));
    const { effect } = stepOf((await status(fork)).late, "clock");
    assert.equal(effect?.stepped, true);
    assert.ok(Number(effect.skewBeforeMs) < -LAY_MS);

    // A clock that is ahead of the host's is set back.
    const before = Date.now();
    await callRecover(fork, { hostTime: before - HOUR_MS });
    const late = Date.now() - HOUR_MS - await wallClock(fork);
    const took = Date.now() - before;
    assert.ok(Math.abs(late) < Math.max(100, took), `${late} ms late`);
    const back = stepOf((await status(fork)).late, "clock").effect;
    assert.ok(Number(back?.skewBeforeMs) > HOUR_MS - took - LAY_MS);
    await fleet.kill(fork);
  });

  fleet.test("a host that only polls health gives the time in a header", async () => {
    const { frozenAt } = await sleeper();
    const fork = await wakeLate();
    await fork.cont();
    const sent = Date.now();
    const { ms } = await health(fork, {
      "lull-host-time": new Date(sent).toISOString(),
    });
    await assertRightTime(fork, Math.max(100, ms));
    const { lastRecovery, late } = await status(fork);
    const { effect } = stepOf(lastRecovery?.steps, "clock");
    assert.equal(effect?.source, "request");
    assert.equal(late, undefined);
    assertNoStaleMark(await recorded(fork), frozenAt + 1, sent);
    await fleet.kill(fork);
  });

  fleet.test("two forks answer under a name and an address of their own, at once", async () => {
    const names = ["first", "second"];
    const forks = await Promise.all(names.map(async (hostname, i) => {
      const fork = await wakeLate();
      // The reply comes back on an address that the fork keeps.
      await fork.reach("169.254.0.21");
      await fork.cont();
      const address = `10.0.2.${21 + i}`;
      const network = {
        ...{ address: `${address}/24`, gateway: "10.0.2.2", hostname },
        mac: `52:54:00:12:34:${60 + i}`,
        dns: [`10.0.2.${3 + i}`],
      };
      const wrong = { ...network, hostname: "not a name" };
      const { status } = await callRecover(fork, { network: wrong });
      assert.equal(status, 400);
      assert.equal(await fork.sh("hostname"), "guest");
      const report = await recover(fork, { outcome: "restored", network });
      const { effect } = stepOf(report.steps, "network");
      assert.equal(effect?.interface, "eth0");
      await fork.reach(address);
      return fork;
    }));
    const answers = await Promise.all(forks.map(async (fork) => {
      assert.equal((await health(fork)).state, "running");
      return await fork.sh(
        "hostname; ip -4 address show eth0; ip link show eth0; " +
          "ip route show default; cat /etc/resolv.conf",
      );
    }));
    for (const [i, answer] of answers.entries()) {
      assert.match(answer, new RegExp(`^${names[i]}\n`));
      assert.match(answer, new RegExp(`inet 10\\.0\\.2\\.${21 + i}/24`));
      assert.match(answer, new RegExp(`ether 52:54:00:12:34:${60 + i}`));
      assert.match(answer, /default via 10\.0\.2\.2 /);
      assert.match(
        answer,
        new RegExp(`nameserver 10\\.0\\.2\\.${3 + i}$`, "m"),
      );
      assert.doesNotMatch(answer, /10\.0\.2\.15/);
    }
    await fleet.kill(...forks);
  });

  fleet.test("--health-recovers=restored: only evidence lets health recover", async () => {
    const machine = await fleet.copy();
    await machine.sh(`mkdir /sys/fs/cgroup/${CGROUP}`);
    await configure(machine, { healthRecovers: "restored" });
    const { generation } = await health(machine);
    await prepareSettled(machine);
    for (const _ of [1, 2]) {
      assert.equal((await health(machine)).state, "quiesced");
    }
    // The hardware clock goes on while the machine stands still.
    await machine.stop();
    const stopped = performance.now();
    await until("3 s", () => performance.now() > stopped + 3000);
    await machine.cont();
    const reply = await health(machine);
    assert.equal(reply.state, "running");
    assert.equal(reply.generation, generation + 1);
    const { lastRecovery } = await status(machine);
    assert.equal(lastRecovery?.trigger, "health");
    assert.equal(lastRecovery.outcome, "resumed");
    await fleet.kill(machine);
  });
});
