import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import {
  health,
  LIMIT,
  prepareSettled,
  recover,
  recovered,
  status,
  stepOf,
} from "./agent.ts";
import { assertRecovered } from "./checks.ts";
import { type Fleet, KEEP_MEMORY, say } from "./fleet.ts";
import { assertRightTime, uptime } from "./guest.ts";
import { addHook, called, FLUSH } from "./hooks.ts";
import type { Machine } from "./machine.ts";
import {
  assertLoopbackLives,
  assertNoStaleMark,
  CGROUP,
  endOf,
  isFrozen,
  Peer,
  recorded,
  startHolders,
  startRecorder,
} from "./workload.ts";

/** Milliseconds that one hook may take here: much, for an emulated processor. */
export const HOOK_LIMIT = 10_000;

/** The flags of an agent whose workload takes part in all ways there are. */
export const REST_FLAGS: readonly string[] = [
  `--workload-cgroup=${CGROUP}`,
  "--freeze-mounts=/data",
  "--freeze-hold-ms=60000",
  `--hook-limit-ms=${HOOK_LIMIT}`,
  ...KEEP_MEMORY,
];

/** A machine with a workload, a server to forward, and two good hooks. */
export async function working(fleet: Fleet): Promise<Machine> {
  const machine = await fleet.copy();
  await machine.sh(
    "mkdir /tmp/w; echo page >/tmp/w/p; httpd -p 127.0.0.1:8000 -h /tmp/w",
  );
  await startRecorder(machine);
  await addHook(machine, "10-flush", FLUSH);
  await addHook(machine, "20-second");
  await addHook(machine, "30-old.bak", "exit 1");
  await assertForwards(machine);
  return machine;
}

/** Whether a write to /data comes through; on a frozen one it would wait. */
export async function takesWrites(machine: Machine): Promise<boolean> {
  return (await machine.exec(
    "timeout -s KILL 60 sh -c 'echo x >/data/probe && rm /data/probe'",
  )).code === 0;
}

/** A page of a server on the guest's loopback comes through the agent's forwarder. */
export async function assertForwards(machine: Machine): Promise<void> {
  const page = await until("the forwarded page", async () => {
    // (The wget of a static busybox cannot resolve names, nor addresses.)
    const { stdout } = await machine.exec(
      "timeout 20 bash -c 'exec 3<>/dev/tcp/169.254.0.21/8000; " +
        'printf "GET /p HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3\'',
    );
    return stdout.split("\r\n\r\n")[1];
  }, LIMIT);
  assert.equal(page, "page\n");
}

/** Everything is as if there had never been a prepare. */
export async function assertAsBefore(
  machine: Machine,
  generation: number,
): Promise<void> {
  await assertRecovered(machine, generation);
  assert.equal(await isFrozen(machine), false);
  assert.ok(await takesWrites(machine));
  assert.equal(await machine.sh("ls /run/lull/journal"), "");
  // Killed with its hook; who of it is an orphan then waits for init to reap it.
  await until(
    "the end of a hook's processes",
    async () => (await machine.exec("pidof sleep")).code === 1,
    LIMIT,
  );
  await assertForwards(machine);
  const { length } = await recorded(machine);
  await until(
    "the workload's work",
    async () => (await recorded(machine)).length > length,
    LIMIT,
  );
}

/** A workload that is held still whole, and forks that are told and not told the time. */
export function restSuite(fleet: Fleet): void {
  fleet.test("hooks, workload and disk rest from the prepare to the recovery", async () => {
    const source = await working(fleet);
    await using peer = await Peer.start();
    await startHolders(source, peer);
    const { generation } = await health(source);
    const { steps } = await prepareSettled(source, "operation=rest");
    assert.deepEqual(await called(source), [
      `10-flush freeze rest ${generation}`,
      `20-second freeze rest ${generation}`,
    ]);
    const { effect } = stepOf(steps, "workload");
    const frozenAt = Date.parse(String(effect?.frozenAt)) + 1;
    say(`${fleet.variant}: the workload froze within ${effect?.ms} ms`);
    assert.deepEqual(stepOf(steps, "freeze-mounts").effect?.frozen, ["/data"]);
    assert.ok(await isFrozen(source));
    await source.sh("test -e /run/flushed");
    const { length } = await recorded(source);
    await source.sh("(echo late >/data/late; echo through >/run/through) &");
    const end = await uptime(source) + 300;
    await until(
      "0.3 s of the guest",
      async () => await uptime(source) > end,
      LIMIT,
    );
    assert.equal((await recorded(source)).length, length);
    assert.equal((await source.exec("test -e /run/through")).code, 1);
    const snapshot = await fleet.snapshot(source, "all at rest");
    await fleet.kill(source);

    const fork = await fleet.restore(snapshot, "same");
    await fork.cont();
    const hostTime = Date.now();
    const report = await recover(fork, { outcome: "restored", hostTime });
    const disk = stepOf(report.steps, "freeze-mounts");
    assert.deepEqual(disk.effect?.thawed, ["/data"], JSON.stringify(disk));
    assert.deepEqual(await called(fork), [
      `20-second thaw rest ${generation + 1} restored`,
      `10-flush thaw rest ${generation + 1} restored`,
    ]);
    await until(
      "the write that waited",
      async () => (await fork.exec("test -s /run/through")).code === 0,
      LIMIT,
    );
    assert.equal(await fork.sh("cat /data/late"), "late");
    assert.equal((await fork.exec("test -e /run/flushed")).code, 1);
    assertNoStaleMark(await recorded(fork), frozenAt, hostTime);
    assert.match(await endOf(fork), /^ended/);
    await assertLoopbackLives(fork, "restored");
    await assertAsBefore(fork, generation + 1);
    await fleet.kill(fork);

    const alone = await fleet.restore(snapshot);
    await alone.cont();
    const { trigger, outcome } = await recovered(alone);
    assert.equal(trigger, "evidence");
    assert.equal(outcome, "restored");
    const { ms } = await health(alone, { "lull-host-time": `${Date.now()}` });
    await assertRightTime(alone, Math.max(100, ms));
    assert.equal(stepOf((await status(alone)).late, "clock").status, "done");
    assert.match(await endOf(alone), /^ended/);
    await assertAsBefore(alone, generation + 1);
    await fleet.kill(alone);
  });
}
