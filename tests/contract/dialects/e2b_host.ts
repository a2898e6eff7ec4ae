/**
 * What E2B's host does around a pause: freeze, pause, resume, and attempts of POST /init.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";
import { initUntilReply } from "../../support/e2b_host.ts";
import { TestDisk, withoutDisks } from "../../support/disk.ts";
import { script, temporary } from "../../support/hooks.ts";
import { statusOf } from "../../support/proc.ts";
import { until } from "../../support/until.ts";
import { ask } from "../../support/raw.ts";
import { at, E2B, init } from "./e2b.ts";
import { secondPort } from "./framework.ts";

const noCgroups = withoutCgroups();
const noDisks = noCgroups || withoutDisks();

/** Declares the tests of the sequence of calls for one target. */
export function e2bHost(target: Target): void {
  describe(`the host of e2b on ${target}`, () => {
    test(
      `a pause and a resume${noCgroups ? `: ${noCgroups}` : ""}`,
      { skip: noCgroups },
      async () => {
        using group = new TestCgroup();
        await group.run("while :; do sleep 0.02; done");
        await using agent = await TestAgent.start(target, [
          ...E2B,
          `--workload-cgroup=${group.path}`,
        ]);
        const frozen = await agent.ask("POST", "/freeze?maxWaitMs=1500");
        assert.equal(frozen.json<{ frozen: number }>().frozen, 1);
        assert.equal((await agent.ask("POST", "/collapse")).status, 200);
        agent.kill("SIGSTOP");
        await until(
          "the pause",
          () => statusOf(agent.pid, agent.pid, "State")?.startsWith("T"),
        );
        agent.kill("SIGCONT");
        assert.ok(group.frozen);
        const { reply } = await initUntilReply(agent, { envVars: { A: "1" } });
        assert.equal(reply.status, 204);
        assert.ok(!group.frozen);
        const { state, lastRecovery, generation } = await agent.status();
        assert.deepEqual([state, generation], ["running", 1]);
        assert.equal(lastRecovery.trigger, "recover");
        assert.match(readFileSync(join(agent.directory, "env"), "utf8"), /A=/);
      },
    );

    test(
      `a freeze that does not complete${noDisks ? `: ${noDisks}` : ""}`,
      { skip: noDisks },
      async () => {
        using disk = new TestDisk();
        using group = new TestCgroup();
        disk.ask("-f");
        // Before the end of the group: its process waits for the thaw.
        using _thaw = { [Symbol.dispose]: () => disk.thaw() };
        await group.run(`echo x > ${disk.mountPoint}/x`);
        await until("the write to wait", () => group.waits);
        await using agent = await TestAgent.start(target, [
          ...E2B,
          `--workload-cgroup=${group.path}`,
        ]);
        const begin = performance.now();
        const reply = await agent.ask("POST", "/freeze?maxWaitMs=50");
        const took = performance.now() - begin;
        assert.equal(reply.status, 200, reply.body);
        const { requested, frozen, notFrozen, waitMs } = reply.json<
          Record<string, number>
        >();
        assert.deepEqual([requested, frozen, notFrozen], [1, 0, 1]);
        // The host's limit is for the whole freeze, of which the wait is a part.
        assert.ok(waitMs > 0 && took >= 50, `${waitMs} of ${took} ms`);
        assert.equal((await agent.status()).state, "quiesced");
        // A process that waits in the kernel does not keep the host from going on.
        assert.equal((await init(agent, { timestamp: at() })).status, 204);
        assert.equal((await agent.status()).state, "running");
      },
    );

    test("a recovery that takes longer than an attempt happens once", async () => {
      const directory = temporary();
      try {
        const log = join(directory.path, "log");
        script(
          join(directory.path, "10-slow"),
          `#!/bin/sh\necho $1 >>${log}\n[ $1 = freeze ] || sleep 0.4\n`,
        );
        await using agent = await TestAgent.start(target, [
          ...E2B,
          `--hook-directories=${directory.path}`,
        ]);
        assert.equal((await agent.ask("POST", "/freeze")).status, 204);
        const { reply, aborted } = await initUntilReply(agent);
        assert.equal(reply.status, 204);
        assert.ok(aborted > 0, `${aborted} attempts were aborted`);
        assert.equal(readFileSync(log, "utf8"), "freeze\nthaw\n");
        assert.equal((await agent.status()).generation, 1);
      } finally {
        directory.remove();
      }
    });

    test("a stale call applies nothing, and thaws nevertheless", async () => {
      await using agent = await TestAgent.start(target, E2B);
      const env = () => readFileSync(join(agent.directory, "env"), "utf8");
      const now = at();
      await init(agent, { timestamp: now, envVars: { A: "new" } });
      for (const timestamp of [now, at(-4000)]) {
        await agent.ask("POST", "/freeze");
        const stale = await init(agent, { timestamp, envVars: { A: "old" } });
        assert.equal(stale.status, 204);
        assert.equal(env(), 'A="new"\n');
        assert.equal((await agent.status()).state, "running");
      }
      await init(agent, { timestamp: at(), envVars: { A: "newer" } });
      assert.equal(env(), 'A="newer"\n');
    });

    test("data that cannot be kept is named, and the guest thaws nevertheless", async () => {
      await using agent = await TestAgent.start(target, E2B);
      await agent.ask("POST", "/freeze");
      // In the place of the file that is written.
      mkdirSync(join(agent.directory, "e2b.json.new"));
      const body = { timestamp: at(), lifecycleID: "a", envVars: { A: "1" } };
      const reply = await init(agent, body);
      assert.equal(reply.status, 204);
      assert.equal(reply.headers.get("lull-not-applied"), "others");
      assert.equal(
        readFileSync(join(agent.directory, "env"), "utf8"),
        'A="1"\n',
      );
      assert.equal((await agent.status()).state, "running");
      const line = await until(
        "the line in the log",
        () =>
          agent.lines().find(({ message }) =>
            message === "the data of the host could not be kept"
          ),
      );
      assert.match(String(line.error), /EISDIR/);
    });

    test("Lull's own API and the dialect see one lifecycle", async () => {
      await using agent = await TestAgent.start(target, [
        ...E2B,
        "--dialects=wrenn@127.0.0.1:0",
      ]);
      // One prepares, the other two join it and end it.
      const prepared = await agent.ask("POST", "/snapshot/prepare?operation=a");
      assert.equal(prepared.status, 204);
      assert.equal((await agent.ask("POST", "/freeze")).status, 204);
      const { operation, generation } = await agent.status();
      assert.equal(operation.operation, "a");
      assert.equal((await agent.ask("POST", "/unfreeze")).status, 204);
      const after = await agent.status();
      assert.deepEqual(
        [after.state, after.generation, after.lastRecovery.operation],
        ["running", generation + 1, "a"],
      );
      assert.equal((await agent.ask("POST", "/freeze")).status, 204);
      const recovered = await agent.ask("POST", "/snapshot/recover");
      assert.equal(recovered.json<{ recovered: boolean }>().recovered, true);
      assert.equal((await init(agent)).status, 204);
      assert.equal((await agent.status()).generation, generation + 2);
      // wrenn's host prepares, and E2B's ends it; then the other way round.
      const wrenn = secondPort(agent);
      const both = [
        () => ask(wrenn, "POST", "/snapshot/prepare"),
        () => agent.ask("POST", "/unfreeze"),
        () => agent.ask("POST", "/freeze"),
        () => ask(wrenn, "GET", "/health"),
      ];
      const states: string[] = [];
      for (const call of both) {
        assert.match(String((await call()).status), /^20[04]$/);
        states.push((await agent.status()).state);
      }
      assert.deepEqual(states, [
        ...["quiesced", "running", "quiesced", "running"],
      ]);
      assert.equal((await agent.status()).generation, generation + 4);
    });
  });
}
