import type { ProblemDocument } from "../../src/http/routes/documents.ts";
import assert from "node:assert/strict";
import { describe } from "node:test";
import { until } from "../support/until.ts";
import {
  health,
  LIMIT,
  prepareSettled,
  restartAgent,
  status,
} from "./support/agent.ts";
import { Fleet, say } from "./support/fleet.ts";
import { agentPid } from "./support/guest.ts";
import { addHook, called, FAIL, HANG, removeHook } from "./support/hooks.ts";
import type { Machine } from "./support/machine.ts";
import {
  assertAsBefore,
  assertForwards,
  HOOK_LIMIT,
  REST_FLAGS,
  restSuite,
  takesWrites,
  working,
} from "./support/rest_suite.ts";
import { CGROUP, isFrozen } from "./support/workload.ts";

/** A prepare that must fail, with 503, at one step. */
async function failPrepare(
  machine: Machine,
  step: string,
): Promise<{ problem: ProblemDocument; ms: number }> {
  const start = performance.now();
  const response = await machine.fetch("/snapshot/prepare?operation=fails", {
    method: "POST",
  });
  const problem = await response.json() as ProblemDocument;
  assert.equal(response.status, 503, JSON.stringify(problem));
  assert.equal(problem.report?.prepare.steps.at(-1)?.name, step);
  assert.equal(problem.report.undo.outcome, "aborted");
  return { problem, ms: performance.now() - start };
}

describe("a machine whose workload takes part", () => {
  const fleet = new Fleet("bun", { flags: REST_FLAGS });
  restSuite(fleet);

  fleet.test("a prepare that fails at any step leaves everything as it was", async () => {
    const machine = await working(fleet);
    const { generation } = await health(machine);
    const both = [
      `20-second thaw fails ${generation} aborted`,
      `10-flush thaw fails ${generation} aborted`,
    ];
    const begun = both.toReversed().map((line) =>
      line.replace("thaw", "freeze").replace(" aborted", "")
    );

    await addHook(machine, "15-fails", FAIL);
    const { problem } = await failPrepare(machine, "hooks");
    assert.match(problem.detail ?? "", /15-fails.*exit code 3/);
    assert.match(JSON.stringify(problem), /"output":"no space left"/);
    // Whatever was started gets its thaw, the failed one too; nothing after it.
    assert.deepEqual(await called(machine), [
      begun[0],
      `15-fails freeze fails ${generation}`,
      `15-fails thaw fails ${generation} aborted`,
      both[1],
    ]);
    await assertAsBefore(machine, generation);
    await removeHook(machine, "15-fails");

    await addHook(machine, "15-hangs", HANG);
    const hung = await failPrepare(machine, "hooks");
    assert.match(hung.problem.detail ?? "", /15-hangs timeout/);
    say(
      `a hook that hangs: the prepare failed after ${Math.round(hung.ms)} ms`,
    );
    assert.ok(hung.ms >= HOOK_LIMIT);
    // By its limit: all else together takes less than another one.
    assert.ok(hung.ms < 2 * HOOK_LIMIT, `${hung.ms} ms`);
    await called(machine);
    await assertAsBefore(machine, generation);
    await removeHook(machine, "15-hangs");

    // A process of the workload that the kernel cannot freeze: it waits for a disk.
    await machine.sh(
      `cd /sys/fs/cgroup/${CGROUP}; fsfreeze --freeze /data; ` +
        "sh -c 'echo $$ >cgroup.procs; echo x >/data/waits' & " +
        // In the cgroup first: to get there it waits in the kernel, too.
        "until grep -qx $! cgroup.procs && grep -q '^State:.D' /proc/$!/status; " +
        "do sleep 0.05; done",
    );
    const stuck = await failPrepare(machine, "workload");
    assert.match(stuck.problem.detail ?? "", /not frozen within/);
    await machine.sh("fsfreeze --unfreeze /data");
    assert.deepEqual(await called(machine), [...begun, ...both]);
    await assertAsBefore(machine, generation);

    for (const pid of [await agentPid(machine), 1]) {
      const was = await machine.sh(`sed 's/^0:://' /proc/${pid}/cgroup`);
      await machine.sh(`echo ${pid} >/sys/fs/cgroup/${CGROUP}/cgroup.procs`);
      const { problem } = await failPrepare(machine, "workload");
      say(problem.detail ?? "");
      await machine.sh(`echo ${pid} >/sys/fs/cgroup${was}/cgroup.procs`);
      assert.deepEqual(await called(machine), [...begun, ...both]);
      await assertAsBefore(machine, generation);
    }

    await machine.sh("umount /data");
    const gone = await failPrepare(machine, "freeze-mounts");
    assert.match(gone.problem.detail ?? "", /no mount point/);
    await machine.sh("mount -t ext4 /dev/vdb /data");
    await called(machine);
    await assertAsBefore(machine, generation);
    // And the next one holds.
    await prepareSettled(machine);
    assert.equal((await health(machine)).generation, generation + 1);
    await assertAsBefore(machine, generation + 1);
    await fleet.kill(machine);
  });

  fleet.test("an agent that is killed while all is frozen: the next one thaws it", async () => {
    const machine = await working(fleet);
    const { generation } = await health(machine);
    await prepareSettled(machine, "operation=killed");
    await called(machine);
    await killAgent(machine);
    const { repaired } = await status(machine);
    assert.deepEqual(
      repaired?.map(({ kind, status }) => `${kind} ${status}`),
      ["mounts repaired", "workload repaired", "hooks repaired"],
    );
    assert.deepEqual(repaired[0].effect?.thawed, ["/data"]);
    assert.deepEqual(await called(machine), [
      `20-second thaw killed ${generation} aborted`,
      `10-flush thaw killed ${generation} aborted`,
    ]);
    await assertAfterKill(machine, generation);
    const log = await machine.sh("cat /run/lull.log");
    assert.match(log, /"undid what a killed agent had left"/);

    // In the middle of a hook: only what was begun is taken back.
    await addHook(machine, "15-hangs", HANG);
    const call = machine.fetch("/snapshot/prepare", { method: "POST" })
      .then(() => "answered", () => "cut off");
    await until(
      "the hook that hangs",
      async () =>
        (await machine.exec("grep '^15-hangs freeze' /run/hooks.log")).code ===
          0,
      LIMIT,
    );
    await removeHook(machine, "20-second");
    await killAgent(machine);
    assert.equal(await call, "cut off");
    const again = await status(machine);
    assert.deepEqual(again.repaired?.map(({ kind }) => kind), ["hooks"]);
    const lines = (await called(machine)).map((line) =>
      line.split(" ").slice(0, 2).join(" ")
    );
    assert.deepEqual(lines, [
      "10-flush freeze",
      "15-hangs freeze",
      "15-hangs thaw",
      "10-flush thaw",
    ]);
    await fleet.kill(machine);
  });

  /** kill -9, then waits for the agent that init starts in its place. */
  async function killAgent(machine: Machine): Promise<void> {
    await restartAgent(machine, "KILL");
    // It undoes before it listens: what follows is so as soon as it answers.
    assert.equal(await isFrozen(machine), false);
    assert.ok(await takesWrites(machine));
  }

  async function assertAfterKill(machine: Machine, generation: number) {
    const document = await status(machine);
    assert.equal(document.state, "running");
    assert.equal(document.generation, generation);
    assert.equal(document.keepAlive, true);
    assert.equal(await machine.sh("ls /run/lull/journal"), "");
    await assertForwards(machine);
  }
});
