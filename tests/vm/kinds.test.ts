import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { freeze } from "../bench/page_forks.ts";
import { pass } from "../bench/stats.ts";
import { until } from "../support/until.ts";
import {
  health,
  LIMIT,
  prepare,
  prepareSettled,
  recover,
  status,
  stepOf,
} from "./support/agent.ts";
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import { agentPid } from "./support/guest.ts";
import { type Machine, removeSnapshot } from "./support/machine.ts";
import { ownDir } from "./support/qemu.ts";
import { run, runText } from "./support/run.ts";

/** Milliseconds until the work after a start, and the collection of its garbage, are done. */
const REST_MS = 8000;

/** Writes to both disks all the time: a file that grows, and files that come and go. */
const WRITER = `i=0; while :; do i=$((i+1)); for disk in /root /data; do
  echo $i >>$disk/grows; echo $i >$disk/new; mv $disk/new $disk/count
done; done >/dev/null 2>&1 &`;

async function counted(machine: Machine): Promise<number> {
  return Number(await machine.sh("cat /root/count 2>/dev/null || echo 0"));
}

async function startWriter(machine: Machine): Promise<void> {
  await machine.sh(WRITER);
  await until("the writer", async () => await counted(machine) > 10, LIMIT);
}

/** Waits until the writer goes on. */
async function assertWrites(machine: Machine): Promise<void> {
  const before = await counted(machine);
  await until("a write", async () => await counted(machine) > before, LIMIT);
}

/** Whether the journal of a filesystem still has what the disk lacks. */
function needsRecovery(disk: string): boolean {
  return /needs_recovery/.test(runText("dumpe2fs", ["-h", disk]));
}

function copyDisks(machine: Machine, name: string): string[] {
  const dir = ownDir(name);
  const [root, data] = [join(dir, "root"), join(dir, "data")];
  machine.copyRoot(root);
  machine.copyDisk(data);
  return [root, data];
}

describe("a prepare of kind disk", () => {
  const fleet = new Fleet("bun", {
    root: "disk",
    flags: ["--no-forward-ports", "--freeze-hold-ms=60000", ...KEEP_MEMORY],
  });

  fleet.test("both disks, the root too, are whole while they are written", async () => {
    const machine = await fleet.copy();
    await startWriter(machine);
    // Without a prepare the journal is needed: the check below can fail.
    assert.ok(copyDisks(machine, "torn").every(needsRecovery));
    for (let round = 0; round < 3; round++) {
      await prepare(machine, "kind=disk");
      const before = await counted(machine);
      for (const disk of copyDisks(machine, `round-${round}`)) {
        assert.equal(needsRecovery(disk), false);
        run("e2fsck", ["-fn", disk]);
      }
      // While the root is frozen the agent answers.
      const { state, operation } = await status(machine);
      assert.equal(state, "quiesced");
      assert.equal(operation?.kind, "disk");
      const { effect } = stepOf(operation?.steps, "freeze-mounts");
      assert.deepEqual(effect?.frozen, ["/", "/data"]);
      assert.equal(await counted(machine), before, "frozen");
      const { steps } = await recover(machine, { outcome: "resumed" });
      const thawed = stepOf(steps, "freeze-mounts").effect;
      assert.deepEqual(thawed?.thawed, ["/", "/data"]);
      assert.equal(thawed?.expired, false);
      await assertWrites(machine);
    }
  });

  fleet.test("a recovery may write to /etc: the root thaws before", async () => {
    const machine = await fleet.copy();
    await prepare(machine, "kind=disk");
    const { steps, ms } = await recover(machine, {
      outcome: "resumed",
      network: { dns: ["10.0.2.9"] },
    });
    say(`recovered in ${Math.round(ms)} ms`);
    assert.equal(stepOf(steps, "network").status, "done");
    assert.equal(stepOf(steps, "freeze-mounts").effect?.expired, false);
    assert.match(await machine.sh("cat /etc/resolv.conf"), /10\.0\.2\.9/);
  });

  fleet.test("a killed agent starts again on a frozen root, and thaws it", async () => {
    const machine = await fleet.copy();
    await startWriter(machine);
    await prepare(machine, "kind=disk");
    await machine.sh(`kill -9 ${await agentPid(machine)}`);
    const start = performance.now();
    await assertWrites(machine);
    const seconds = (performance.now() - start) / 1000;
    say(`written again ${seconds.toFixed(1)} s after the kill`);
    const { repaired, state } = await until(
      "the next agent",
      () => status(machine).catch(() => undefined),
      LIMIT,
    );
    assert.equal(state, "running");
    assert.deepEqual(
      repaired?.map(({ kind, status }) => `${kind} ${status}`),
      ["mounts repaired"],
    );
  });

  fleet.test("an agent whose log is a file on the root answers and thaws", async () => {
    const machine = await fleet.copy();
    await machine.sh(
      "mkdir /run/other; cd /; lull=/usr/local/bin/lull; " +
        "$lull --port=4000 --runtime-directory=/run/other --hooks-socket= " +
        "--freeze-hold-ms=3000 --no-forward-ports --log-level=debug " +
        ">>/root/lull.log 2>&1 </dev/null &",
    );
    const port = await machine.forward(4000);
    const ask = async (method: string, path: string) => {
      const url = `http://127.0.0.1:${port}${path}`;
      const signal = AbortSignal.timeout(LIMIT);
      return await fetch(url, { method, keepalive: false, signal });
    };
    await until("the agent", async () => {
      return await ask("GET", "/health").then(({ ok }) => ok, () => false);
    }, LIMIT);
    const prepared = await ask("POST", "/snapshot/prepare?kind=disk");
    assert.equal(prepared.status, 204, await prepared.text());
    const frozen = await (await ask("GET", "/snapshot")).json();
    assert.equal(frozen.state, "quiesced");
    // The hold ends; the log is still held, and the agent still answers.
    await machine.sh("echo thawed >/root/thawed");
    const again = await (await ask("GET", "/snapshot")).json();
    assert.equal(again.state, "quiesced");
    assert.equal((await ask("GET", "/health")).status, 200);
    const { lastRecovery } = await (await ask("GET", "/snapshot")).json();
    const { effect } = stepOf<{ name: string; effect?: { expired?: boolean } }>(
      lastRecovery.steps,
      "freeze-mounts",
    );
    assert.equal(effect?.expired, true);
    await until("the log", async () => {
      return (await machine.sh("cat /root/lull.log")).includes("recovered");
    }, LIMIT);
  });
});

describe("a prepare of kind diff", () => {
  const fleet = new Fleet("bun", {
    memoryFile: "whole",
    flags: ["--zero-memory-mib=512", "--no-forward-ports"],
  });

  fleet.test("changes far fewer pages than one of kind full", async () => {
    const changed = { full: 0, diff: 0 };
    for (const kind of ["full", "diff"] as const) {
      const machine = await fleet.copy();
      await health(machine);
      await pass(REST_MS);
      const { snapshot, changed: pages } = await freeze(
        machine,
        async () => void await prepareSettled(machine, `kind=${kind}`),
      );
      removeSnapshot(snapshot);
      changed[kind] = pages.length;
      await machine.cont();
      assert.equal((await health(machine)).state, "running");
      await fleet.kill(machine);
    }
    say(`pages changed: ${JSON.stringify(changed)}`);
    assert.ok(changed.diff < 2500, `${changed.diff} pages`);
    assert.ok(changed.full > 2 * changed.diff, `${changed.full} pages`);
  });
});
