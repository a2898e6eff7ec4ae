import assert from "node:assert/strict";
import { join } from "node:path";
import { describe } from "node:test";
import { until } from "../../support/until.ts";
import { health, LIMIT, prepareSettled, recovered, status } from "./agent.ts";
import { startWriter, transactionsIn, written } from "./database.ts";
import { Fleet, KEEP_MEMORY, say } from "./fleet.ts";
import { agentPid } from "./guest.ts";
import type { Variant } from "./image.ts";
import type { Machine } from "./machine.ts";
import { plugPort, PortHost, unplugPort } from "./port.ts";
import { ownDir } from "./qemu.ts";

const LEASE_SECONDS = 20;
const COPIES = 5;
/** Seconds in which no thread of a quiesced agent may wake up. */
const REST_SECONDS = 5;
/** The largest share of a processor that an idle agent may take; a poll without an end takes all. */
const MOST_SHARE = 0.25;

/** How often the threads of the agent have woken up so far. */
async function wakeups(machine: Machine): Promise<string> {
  const pid = await agentPid(machine);
  return await machine.sh(
    `cat /proc/${pid}/task/*/status | grep '^voluntary' | sort`,
  );
}

/** The share of one processor that the agent takes, during some seconds. */
async function processorShare(machine: Machine): Promise<number> {
  const pid = await agentPid(machine);
  // proc_pid_stat(5): user and system time in hundredths of a second
  const ticks = `awk '{ print $14 + $15 }' /proc/${pid}/stat`;
  const times = await machine.sh(`${ticks}; sleep ${REST_SECONDS}; ${ticks}`);
  const [before, now] = times.split("\n").map(Number);
  return (now - before) / 100 / REST_SECONDS;
}

/** Waits for a stretch in which the quiesced agent does not wake up. */
async function rests(machine: Machine): Promise<void> {
  await until("a rest", async () => {
    const before = await wakeups(machine);
    await machine.sh(`sleep ${REST_SECONDS}`);
    return await wakeups(machine) === before;
  }, LIMIT);
}

/** An agent that QEMU's host reaches by a port of virtio-serial. */
export function portSuite(variant: Variant): void {
  describe(`a port of virtio-serial on ${variant}`, () => {
    const fleet = new Fleet(variant, {
      serialPort: true,
      flags: [
        ...["--no-forward-ports", "--dialects=qemu-ga"],
        `--lease=${LEASE_SECONDS}`,
        ...KEEP_MEMORY,
      ],
    });

    fleet.test("commands, plug, and a host that comes and goes", async () => {
      const machine = await fleet.copy();
      {
        using host = await PortHost.connect(machine);
        await commands(machine, host);
        await clock(machine, host);
      }
      // No other program of the guest, not even one of root, can write to the port.
      await machine.sh(
        'for f in /dev/vport*; do test -c "$f" || exit 2; if echo x >"$f"; then exit 1; fi; done',
      );
      // Without a host, a poll of the port would return at once for ever.
      // The work of the start ends, and such polls would not.
      await until(
        "an agent that does not poll",
        async () => await processorShare(machine) < MOST_SHARE,
        LIMIT,
      );
      // Threads of the runtime's pool end by themselves, later than the agent's own lease may.
      await prepareSettled(machine, "lease=300");
      await rests(machine);
      await health(machine);

      await unplugPort(machine);
      const log = async () => await machine.sh("cat /run/lull.log");
      await until(
        "the end of the port",
        async () => (await log()).includes("the port is gone"),
        LIMIT,
      );
      await plugPort(machine);
      using host = await PortHost.connect(machine);
      assert.deepEqual(await host.call("guest-ping"), {});
      host.send("guest-shutdown");
      await machine.ended;
    });

    // The port itself is what differs between the runtimes.
    if (variant === "deno") return;

    fleet.test("copies of a disk are whole, and the lease ends the freeze of a host that has gone", async () => {
      const machine = await fleet.copy();
      using host = await PortHost.connect(machine);
      await startWriter(machine);
      const dir = ownDir("copies");
      const counts: number[] = [];
      for (let round = 0; round < COPIES; round++) {
        // The root filesystem is a layer in memory.
        assert.equal(await host.call("guest-fsfreeze-freeze"), 1);
        assert.equal(await host.call("guest-fsfreeze-status"), "frozen");
        const copy = join(dir, `${round}`);
        machine.copyDisk(copy);
        assert.deepEqual(await host.call("guest-ping"), {});
        assert.equal(await host.call("guest-fsfreeze-thaw"), 1);
        counts.push(transactionsIn(copy));
      }
      say(`transactions in the copies: ${counts.join(" ")}`);
      for (let round = 1; round < COPIES; round++) {
        assert.ok(counts[round] > counts[round - 1], counts.join(" "));
      }
      assert.equal(await machine.sh("cat /run/writer"), "");

      assert.equal(await host.call("guest-fsfreeze-freeze"), 1);
      host[Symbol.dispose]();
      const { trigger, outcome } = await recovered(machine);
      assert.deepEqual([trigger, outcome], ["lease", "expired"]);
      const count = await written(machine);
      await until(
        "more writes",
        async () => await written(machine) > count,
        LIMIT,
      );
      using next = await PortHost.connect(machine);
      assert.equal(await next.call("guest-fsfreeze-status"), "thawed");
      await assert.rejects(
        next.call("guest-fsfreeze-thaw"),
        /its operation ended before the thaw \(lease\)/,
      );
    });

    fleet.test("a fork of a frozen guest thaws by itself, and its port works", async () => {
      const machine = await fleet.copy();
      using host = await PortHost.connect(machine);
      await host.call("guest-fsfreeze-freeze");
      const snapshot = await fleet.snapshot(machine, "frozen");
      await fleet.kill(machine);
      const fork = await fleet.restore(snapshot, "other");
      await fork.cont();
      await until(
        "the recovery",
        async () => (await status(fork)).state === "running",
        LIMIT,
      );
      using next = await PortHost.connect(fork);
      assert.equal(await next.call("guest-fsfreeze-status"), "thawed");
      assert.equal((await status(fork)).lastRecovery?.outcome, "restored");
      await fork.sh("touch /data/after");
    });
  });
}

/** The commands that only ask. */
async function commands(machine: Machine, host: PortHost): Promise<void> {
  const name = await host.call("guest-get-host-name");
  assert.deepEqual(name, { "host-name": "guest" });
  const system = await host.call("guest-get-osinfo");
  assert.equal(system["kernel-release"], await machine.sh("uname -r"));
  const interfaces = await host.call("guest-network-get-interfaces");
  const eth0 = interfaces.find(({ name }: { name: string }) => name === "eth0");
  assert.deepEqual(eth0["ip-addresses"][0], {
    "ip-address": "10.0.2.15",
    "ip-address-type": "ipv4",
    prefix: 24,
  });
  assert.equal(
    eth0["hardware-address"],
    await machine.sh("cat /sys/class/net/eth0/address"),
  );
  const disks = await host.call("guest-get-fsinfo");
  const data = disks.find(({ mountpoint }: { mountpoint: string }) =>
    mountpoint === "/data"
  );
  assert.equal(data.type, "ext4");
  assert.equal(data.name, "vdb");
  assert.ok(data["total-bytes"] > 1e7);
  const { paths } = await host.call("guest-fstrim", { minimum: 0 });
  const [trimmed] = paths;
  assert.equal(trimmed.path, "/data");
  assert.equal(trimmed.error, undefined);
  assert.ok(trimmed.trimmed > 0);
}

/** The clock: set by the host, and by the hardware clock. */
async function clock(machine: Machine, host: PortHost): Promise<void> {
  const seconds = async (command: string) =>
    Math.round(Number(await machine.sh(command)));
  const now = "date +%s";
  const hardware = "cat /sys/class/rtc/rtc0/since_epoch";
  const time = 2_000_000_000;
  await host.call("guest-set-time", { time: time * 1e9 });
  for (const command of [now, hardware]) {
    const late = await seconds(command) - time;
    assert.ok(late >= -1 && late < 30, `${command}: ${late}`);
  }
  const told = Number(await host.call("guest-get-time")) / 1e9;
  assert.ok(Math.abs(told - time) < 30, `${told}`);
  await machine.sh("date -s @1000000000");
  await host.call("guest-set-time");
  const late = await seconds(now) - time;
  assert.ok(late >= -1 && late < 60, `${late}`);
  await host.call("guest-set-time", { time: Date.now() * 1e6 });
}
