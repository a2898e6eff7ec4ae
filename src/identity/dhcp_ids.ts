/**
 * The identifiers of DHCP clients (DUID, RFC 8415, 11) that derive from the machine-id, or were
 * made once and stored.
 * @module
 */
import type { Guest } from "./guest.ts";
import { randomBytes } from "./item.ts";

/** Where dhcpcd stores its DUID and the secret of its stable addresses. */
const DHCPCD = ["/var/lib/dhcpcd/duid", "/etc/dhcpcd.duid"];
const DHCPCD_SECRETS = ["/var/lib/dhcpcd/secret", "/etc/dhcpcd.secret"];

/** Where dhclient stores its leases, and in them its DUID. */
const DHCLIENT = ["/var/lib/dhcp", "/var/lib/dhclient"];
const DEFAULT_DUID = /^default-duid ".*";$/gm;

/** DUID-UUID (RFC 6355). */
const DUID_UUID = 4;

/** Files with new identifiers, files that keep theirs and why, and services that use new ones. */
interface DhcpIds {
  readonly derived: string[];
  readonly kept: string[];
  readonly services: string[];
}

/** Makes the DUIDs of all DHCP clients that the guest has from the new machine-id. */
export async function renewDhcpIds(
  guest: Guest,
  machineId: string,
): Promise<DhcpIds> {
  const duid = [0, DUID_UUID, ...Uint8Array.fromHex(machineId)];
  const derived: string[] = [];
  const kept: string[] = [];
  for (const file of DHCPCD) {
    if (await guest.read(file) === undefined) continue;
    await guest.replace(file, `${duid.map(asHex).join(":")}\n`);
    derived.push(file);
  }
  for (const file of DHCPCD_SECRETS) {
    if (await guest.read(file) === undefined) continue;
    await guest.replace(file, `${[...randomBytes(64)].map(asHex).join(":")}\n`);
    derived.push(file);
  }
  for (const file of await leaseFiles(guest)) {
    const text = await guest.read(file);
    if (text === undefined || text.search(DEFAULT_DUID) === -1) continue;
    if (!guest.onDisk) {
      kept.push(`${file}: dhclient replaces this file; use renewOnDisk`);
      continue;
    }
    const octal = duid.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`);
    const line = `default-duid "${octal.join("")}";`;
    await guest.replace(file, text.replaceAll(DEFAULT_DUID, () => line));
    derived.push(file);
  }
  return { derived, kept, services: await usesNetworkd(guest) };
}

function asHex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

async function leaseFiles(guest: Guest): Promise<string[]> {
  const files: string[] = [];
  for (const directory of DHCLIENT) {
    const names = await guest.list(directory);
    files.push(
      ...names.filter((name) => /\.leases?$/.test(name))
        .map((name) => `${directory}/${name}`),
    );
  }
  return files;
}

/**
 * systemd-networkd, if it has a lease: it derives its DUID from the machine-id when it starts. It is
 * left alone if its links have no lease.
 */
async function usesNetworkd(guest: Guest): Promise<string[]> {
  const networkd = ["systemd-networkd"];
  if ((await guest.list("/run/systemd/netif/leases")).length > 0) {
    return networkd;
  }
  const links = "/run/systemd/netif/links";
  for (const name of await guest.list(links)) {
    const text = await guest.read(`${links}/${name}`) ?? "";
    if (/^DHCP6_CLIENT_DUID=/m.test(text)) return networkd;
  }
  return [];
}
