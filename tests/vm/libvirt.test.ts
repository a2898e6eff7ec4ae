/**
 * A real libvirt drives a guest that has Lull and no qemu-ga. SNAPSHOTS= is the number of quiesced
 * snapshots in a row; `make libvirt-test` takes thirty.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { until } from "../support/until.ts";
import { LIMIT, status } from "./support/agent.ts";
import { startWriter, transactionsIn, written } from "./support/database.ts";
import { say } from "./support/fleet.ts";
import { Libvirt, withoutLibvirt } from "./support/libvirt.ts";
import { DOMAIN, LibvirtGuest } from "./support/libvirt_guest.ts";
import { run } from "./support/run.ts";

const SNAPSHOTS = Number(process.env.SNAPSHOTS ?? 5);

if (withoutLibvirt) test("libvirt", { skip: withoutLibvirt }, () => {});
else describe("libvirt", drive);

function drive(): void {
  let libvirt: Libvirt;
  let guest: LibvirtGuest;
  before(async () => {
    libvirt = await Libvirt.start();
    guest = await LibvirtGuest.start(libvirt);
    // libvirt connects to the port when the agent has opened it.
    await until("the agent", () => {
      try {
        return agent("guest-ping");
      } catch {
        return false;
      }
    }, LIMIT);
  });
  after(async () => {
    await libvirt?.[Symbol.asyncDispose]();
  });

  const virsh = (command: string, ...words: string[]) =>
    libvirt.virsh(command, DOMAIN, ...words);
  /** Calls a command by virsh; gives its value. */
  function agent(execute: string) {
    const request = JSON.stringify({ execute });
    return JSON.parse(virsh("qemu-agent-command", request)).return;
  }

  test("virsh gets names, addresses, filesystems and the system", async () => {
    assert.deepEqual(agent("guest-ping"), {});
    assert.equal(virsh("domhostname", "--source", "agent"), "guest");
    assert.match(
      virsh("domifaddr", "--source", "agent"),
      /eth0 +52:54:\S+ +ipv4 +10\.0\.2\.15\/24/,
    );
    assert.match(virsh("domfsinfo"), /\/data +vdb +ext4/);
    const info = virsh("guestinfo");
    assert.match(info, /hostname +: guest/);
    assert.match(info, /timezone\.offset +: 0/);
    const release = await guest.sh("uname -r");
    assert.ok(info.includes(release), info);
    virsh("domfstrim");
  });

  test("virsh sets the clock, and by the hardware clock", async () => {
    const seconds = async () => Number(await guest.sh("date +%s"));
    virsh("domtime", "--time", "2000000000");
    const late = await seconds() - 2_000_000_000;
    assert.ok(late >= 0 && late < 60, `${late}`);
    const told = Number(/\d+/.exec(virsh("domtime"))![0]);
    assert.ok(Math.abs(told - 2_000_000_000) < 60, `${told}`);
    await guest.sh("date -s @1000000000");
    virsh("domtime", "--sync");
    assert.ok(Math.abs(await seconds() - 2_000_000_000) < 120);
    virsh("domtime", "--now");
    assert.ok(Math.abs(await seconds() - Date.now() / 1000) < 60);
  });

  test("virsh freezes and thaws, and a frozen guest answers guest-ping", async () => {
    assert.match(virsh("domfsfreeze"), /Froze 1 filesystem/);
    assert.equal(agent("guest-fsfreeze-status"), "frozen");
    assert.deepEqual(agent("guest-ping"), {});
    assert.throws(() => virsh("domfsfreeze"), /not supported|disabled/);
    assert.throws(() => virsh("domtime"), /not supported|disabled/);
    const { state, operation } = await status(guest);
    assert.equal(state, "quiesced");
    assert.equal(operation?.kind, "disk");
    assert.match(virsh("domfsthaw"), /Thawed 1 filesystem/);
    assert.equal(agent("guest-fsfreeze-status"), "thawed");
    assert.match(virsh("domfsfreeze", "/data"), /Froze 1 filesystem/);
    assert.match(virsh("domfsthaw"), /Thawed 1 filesystem/);
    await guest.sh("touch /data/after");
  });

  test("virsh fails where the guest does", async () => {
    await guest.sh(
      "mkdir -p /etc/lull/hooks.d; printf '#!/bin/sh\\nexit 1\\n' >/etc/lull/hooks.d/db; chmod +x /etc/lull/hooks.d/db",
    );
    assert.throws(() => virsh("domfsfreeze"), /step hooks failed/);
    await guest.sh("rm /etc/lull/hooks.d/db; touch /data/after");
    assert.equal(agent("guest-fsfreeze-status"), "thawed");
  });

  test(`${SNAPSHOTS} quiesced snapshots in a row are whole while a database is written`, async () => {
    await startWriter(guest);
    let disk = guest.disk;
    const counts: number[] = [];
    for (let round = 1; round <= SNAPSHOTS; round++) {
      const next = join(libvirt.directory, `data-${round}.qcow2`);
      virsh(
        "snapshot-create-as",
        ...[`s${round}`, "--disk-only", "--quiesce"],
        ...["--no-metadata", "--diskspec", "vda,snapshot=no"],
        ...["--diskspec", `vdb,file=${next}`],
      );
      const copy = join(libvirt.directory, "copy");
      run("qemu-img", [
        ...["convert", "--force-share", "-O", "raw", disk, copy],
      ]);
      counts.push(transactionsIn(copy));
      disk = next;
    }
    say(`transactions in the snapshots: ${counts.join(" ")}`);
    for (let round = 1; round < SNAPSHOTS; round++) {
      assert.ok(counts[round] > counts[round - 1], counts.join(" "));
    }
    assert.ok(await written(guest) >= counts[SNAPSHOTS - 1]);
    assert.equal(await guest.sh("cat /run/writer"), "");
    assert.equal(agent("guest-fsfreeze-status"), "thawed");
  });

  test("virsh ends the guest", async () => {
    virsh("shutdown", "--mode", "agent");
    await until(
      "the end of the guest",
      () => virsh("domstate") === "shut off",
      LIMIT,
    );
  });
}
