import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import type { Machine } from "./machine.ts";

/** What makes a Debian guest the machine that it is, and what its tools say of it. */

/** The files of the identity on the disk, also below what is mounted over them. */
const FILES = "etc/machine-id etc/ssh/ssh_host_*_key* " +
  "var/lib/systemd/random-seed var/lib/dbus/machine-id";

/** The parts of an identity that no two machines share. */
export interface Identity {
  readonly machineId: string;
  readonly bootId: string;
  readonly dbusId: string;
  readonly seed: string;
  /** The client id of the DHCP lease, which has the DUID. */
  readonly clientId: string;
  /** The host keys, by their types, as a client sees them. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Lets networkd have a lease on eth0 besides its own address: QEMU's network has a server. */
export async function useDhcp(machine: Machine): Promise<void> {
  await machine.sh(`mkdir -p /run/systemd/network
cat >/run/systemd/network/05-eth0.network <<'END'
[Match]
Name=eth0

[Network]
DHCP=ipv4
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no

[DHCPv4]
ClientIdentifier=duid
END
networkctl reload && networkctl reconfigure eth0`);
  await clientId(machine);
}

async function clientId(machine: Machine, former = ""): Promise<string> {
  return await until("a lease", async () => {
    const { stdout } = await machine.exec(
      "sed -n 's/^CLIENTID=//p' /run/systemd/netif/leases/*",
    );
    const id = stdout.trim();
    return id !== "" && id !== former ? id : undefined;
  }, LIMIT) as string;
}

/** Reads the identity; waits for a lease of another client than `former`. */
export async function identityOf(
  machine: Machine,
  former?: Identity,
): Promise<Identity> {
  const text = await machine.sh(`cat /etc/machine-id
cat /proc/sys/kernel/random/boot_id
cat /var/lib/dbus/machine-id
sha256sum </var/lib/systemd/random-seed
ssh-keyscan -T 60 127.0.0.1 2>/dev/null | cut -d' ' -f2,3 | sort`);
  const [machineId, bootId, dbusId, seed, ...keys] = text.split("\n");
  return {
    ...{ machineId, bootId, dbusId, seed },
    clientId: await clientId(machine, former?.clientId),
    keys: Object.fromEntries(keys.map((line) => line.split(" "))),
  };
}

/** All values of an identity; the D-Bus id is the machine-id. */
export function valuesOf({ keys, dbusId: _, ...ids }: Identity): string[] {
  return [...Object.values(ids), ...Object.values(keys)];
}

/** What the tools of the guest say agrees with its files, and each service is up. */
export async function assertTools(
  machine: Machine,
  identity: Identity,
): Promise<void> {
  const said = await machine.sh("hostnamectl");
  assert.match(said, new RegExp(`Machine ID: ${identity.machineId}$`, "m"));
  const boot = identity.bootId.replaceAll("-", "");
  assert.match(said, new RegExp(`Boot ID: ${boot}$`, "m"));
  assert.equal(await machine.sh("systemctl --failed --no-legend"), "");
  // The journal goes on under the new id.
  await machine.sh("logger -t identity hello");
  await until("a line of the journal", async () => {
    const { stdout } = await machine.exec("journalctl -t identity -o cat");
    return stdout.includes("hello");
  }, LIMIT);
}

/** Checksums of the files of the identity, as the disk has them. */
export async function onDisk(machine: Machine): Promise<string> {
  return await machine.sh(
    `mount --bind / /mnt && cd /mnt && sha256sum ${FILES}; cd /; umount /mnt`,
  );
}

/** The paths over which something is mounted, each as often as it is. */
export async function mountedFiles(machine: Machine): Promise<string[]> {
  const text = await machine.sh(
    "awk '$5 ~ \"^/etc/|^/var/lib/|boot_id\" { print $5 }' /proc/self/mountinfo",
  );
  return text.split("\n").sort();
}
