/**
 * The protocol of the QEMU guest agent, over a terminal as the port. Commands that would change this
 * machine (its clock, its disks, its end) are tested in a machine.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestDisk, withoutDisks } from "../../support/disk.ts";
import { script, temporary } from "../../support/hooks.ts";
import { HostEnd, withoutPty } from "../../support/pty.ts";
import { silence } from "../../support/silence.ts";
import { until } from "../../support/until.ts";

const skip = withoutPty || withoutDisks();
/** More than a command may take on a busy machine. */
const LIMIT_MS = 60_000;

/** Declares the tests of the dialect qemu-ga for one target. */
export function qemuGa(target: Target): void {
  const title = `qemu-ga on ${target}`;
  if (skip) return void test(title, { skip }, () => {});
  describe(title, () => {
    const directory = temporary();
    const path = join(directory.path, "port");
    const hooks = temporary();
    let disk: TestDisk;
    let agent: TestAgent;
    let host: HostEnd;
    before(async () => {
      disk = new TestDisk();
      agent = await TestAgent.start(target, [
        ...["--dialects=qemu-ga", `--qemu-ga=${path}`, "--lease=600"],
        `--freeze-mounts=${disk.mountPoint}`,
        `--hook-directories=${hooks.path}`,
      ]);
      // The port appears after the agent.
      host = await HostEnd.open(path);
      await ping();
    });
    after(async () => {
      await host?.end();
      await agent?.stop();
      disk?.end();
      for (const made of [directory, hooks]) made.remove();
    });

    async function call(command: string, args?: unknown) {
      const reply = await host.call(command, args, LIMIT_MS);
      if (reply.error === undefined) return reply.return;
      throw new Error(`${reply.error.class}: ${reply.error.desc}`);
    }
    /** The first request may come before the agent has found the port. */
    async function ping(): Promise<void> {
      assert.deepEqual(await call("guest-ping"), {});
    }
    const status = () => call("guest-fsfreeze-status");
    const freeze = () => call("guest-fsfreeze-freeze");
    const thaw = () => call("guest-fsfreeze-thaw");
    const disabled = (command: string) =>
      new RegExp(
        `CommandNotFound: Command ${command} has been disabled: the agent is in frozen state`,
      );

    test("a delimited sync is answered in the middle of garbage", async () => {
      host.received = "";
      host.send(
        'garbage {"execute": "gue\xff{"execute":"guest-sync-delimited","arguments":{"id":9223372036854775807}}\n',
      );
      await until(
        "the reply",
        () => host.received.endsWith('\xff{"return":9223372036854775807}\n'),
      );
    });

    test("commands are answered, and unknown ones refused", async () => {
      const { supported_commands: commands } = await call("guest-info");
      for (const { name, enabled } of commands) assert.ok(enabled, name);
      assert.equal(commands.length, 18);
      await assert.rejects(call("guest-exec", {}), /^Error: CommandNotFound/);
      const time = await call("guest-get-time");
      assert.ok(Math.abs(time / 1e6 - Date.now()) < 5000);
      assert.equal(
        typeof (await call("guest-get-host-name"))["host-name"],
        "string",
      );
      assert.ok((await call("guest-network-get-interfaces")).length > 0);
    });

    test("a freeze is a prepare of kind disk, and a thaw its recovery", async () => {
      assert.equal(await status(), "thawed");
      assert.equal(await freeze(), 1);
      assert.equal(await status(), "frozen");
      assert.ok(await disk.frozen());
      await ping();
      for (const name of ["guest-get-time", "guest-fsfreeze-freeze"]) {
        await assert.rejects(call(name), disabled(name));
      }
      const { state, operation } = await agent.status();
      assert.equal(state, "quiesced");
      assert.equal(operation.kind, "disk");
      assert.equal(operation.settled, true);
      const memory = operation.steps.find(({ name }: { name: string }) =>
        name === "memory"
      );
      assert.equal(memory.reason, "left out by kind disk");
      assert.equal(await thaw(), 1);
      assert.ok(await disk.takesWrites());
      assert.equal(await status(), "thawed");
      assert.equal(await thaw(), 0);
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.trigger, "recover");
      assert.equal(lastRecovery.outcome, "resumed");
    });

    test("a freeze of named mount points freezes only those", async () => {
      const mountpoints = ["/missing"];
      assert.equal(
        await call("guest-fsfreeze-freeze-list", { mountpoints }),
        0,
      );
      assert.equal((await agent.status()).state, "running");
      mountpoints.push(disk.mountPoint);
      assert.equal(
        await call("guest-fsfreeze-freeze-list", { mountpoints }),
        1,
      );
      assert.equal(await thaw(), 1);
    });

    test("a freeze that fails is undone, and an error", async () => {
      script(join(hooks.path, "db"), '#!/bin/sh\n[ "$1" = thaw ]\n');
      try {
        await assert.rejects(
          freeze(),
          /GenericError: Cannot prepare: step hooks failed: /,
        );
      } finally {
        hooks.forget("db");
      }
      assert.equal(await status(), "thawed");
      assert.equal(await thaw(), 0);
      assert.ok(await disk.takesWrites());
    });

    test("there is one lifecycle, and each host sees the true state", async () => {
      assert.equal((await agent.settle()).status, 200);
      // The configured mount is frozen by the other host's prepare.
      assert.equal(await status(), "frozen");
      await assert.rejects(freeze(), disabled("guest-fsfreeze-freeze"));
      await assert.rejects(thaw(), /another host's operation has frozen them/);
      assert.equal((await agent.status()).state, "quiesced");
      await agent.health();
      assert.equal(await status(), "thawed");

      assert.equal(await freeze(), 1);
      const other = await agent.ask("POST", "/snapshot/prepare?kind=full");
      assert.equal(other.status, 409);
      await agent.health();
      assert.equal(await status(), "thawed");
      await assert.rejects(thaw(), /ended before the thaw \(health\)/);
      assert.equal(await thaw(), 0);
    });

    test("an open port does not wake a quiesced guest", async () => {
      assert.equal((await agent.settle()).status, 200);
      await silence(agent.pid, 3000);
      await ping();
      await agent.health();
    });

    test("an agent that is killed while the guest is frozen: the next one thaws, and says so", async () => {
      const flags = [
        ...["--dialects=qemu-ga", `--qemu-ga=${path}3`],
        `--freeze-mounts=${disk.mountPoint}`,
      ];
      await using first = await TestAgent.start(target, flags);
      await using own = await HostEnd.open(`${path}3`);
      const frozen = await own.call(
        "guest-fsfreeze-freeze",
        undefined,
        LIMIT_MS,
      );
      assert.deepEqual(frozen, { return: 1 });
      first.kill("SIGKILL");
      await until("its end", () => first.exitCode !== undefined);
      await own.end();
      await using _next = await TestAgent.start(target, [
        ...[...flags, `--runtime-directory=${first.directory}`],
      ]);
      assert.ok(await disk.takesWrites());
      await using host = await HostEnd.open(`${path}3`);
      const { error } = await host.call(
        ...["guest-fsfreeze-thaw", undefined, LIMIT_MS] as const,
      );
      assert.match(error.desc, /the agent was killed/);
      assert.deepEqual(await host.call("guest-fsfreeze-thaw"), { return: 0 });
    });

    test("a host that goes away while the guest is frozen: the lease thaws it", async () => {
      await using own = await TestAgent.start(target, [
        ...["--dialects=qemu-ga", `--qemu-ga=${path}2`, "--lease=3"],
        `--freeze-mounts=${disk.mountPoint}`,
      ]);
      await using first = await HostEnd.open(`${path}2`);
      const frozen = await first.call(
        "guest-fsfreeze-freeze",
        undefined,
        LIMIT_MS,
      );
      assert.deepEqual(frozen, { return: 1 });
      await first.end();
      assert.ok(await disk.takesWrites());
      await until(
        "the lease",
        async () => (await own.status()).lastRecovery?.trigger === "lease",
      );
      await using next = await HostEnd.open(`${path}2`);
      const now = await next.call("guest-fsfreeze-status", undefined, LIMIT_MS);
      assert.deepEqual(now, { return: "thawed" });
      const { error } = await next.call("guest-fsfreeze-thaw");
      assert.match(error.desc, /ended before the thaw \(lease\)/);
    });
  });
}
