/**
 * NetworkManager: the identity is a profile in /run (nm-settings-keyfile(5)). A restart of
 * NetworkManager reads it again; a boot of the machine does not.
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LinkAddress } from "../linux/link_addresses.ts";
import { AF_INET, AF_INET6 } from "../linux/socket_constants.ts";
import { nodeCrypto } from "../util/lazy_builtins.ts";
import type { Facts } from "./facts.ts";
import { type Budget, runProgram } from "./program.ts";

const DEVICES = "/run/NetworkManager/devices";
const PROFILES = "/run/NetworkManager/system-connections";

/** Milliseconds for a call of nmcli, and for the activation of a profile. */
const CALL_MS = 8000;
const UP_MS = 15_000;

/** The id of the profile of an interface that NetworkManager manages; undefined for others. */
export function profileOf(index: number): string | undefined {
  const file = join(DEVICES, String(index));
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  if (/^managed=false/m.test(text)) return undefined;
  return /^connection-uuid=(\S+)/m.exec(text)?.[1];
}

/** Tells NetworkManager; returns what it was told. Rejects if it could not be told. */
export async function tellNetworkManager(
  facts: Facts,
  active: string,
  budget: Budget,
): Promise<string[]> {
  const { link: { name }, identity } = facts;
  const id = `lull-${name}`;
  const file = join(PROFILES, `${id}.nmconnection`);
  const call = (...args: string[]) =>
    runProgram(["nmcli", ...args], budget.left(CALL_MS));
  // Servers of a lease go with the lease.
  const servers = identity.dns ?? await serversOf(call, name);
  const uuid = uuidOf(id);
  mkdirSync(PROFILES, { recursive: true });
  writeFileSync(file, profile(facts, { id, uuid, servers }), { mode: 0o600 });
  await call("connection", "load", file);
  // Reapplying keeps the interface up, and cannot change the MAC address.
  if (active === uuid && identity.mac === undefined) {
    await call("device", "reapply", name);
    return [file, "nmcli device reapply"];
  }
  await runProgram(
    ["nmcli", "--wait", "14", "connection", "up", "uuid", uuid],
    budget.left(UP_MS),
  );
  return [file, "nmcli connection up"];
}

async function serversOf(
  call: (...args: string[]) => Promise<string>,
  name: string,
): Promise<string[]> {
  const text = await call("-g", "IP4.DNS,IP6.DNS", "device", "show", name);
  // nmcli writes `a | b`, and a backslash before each colon.
  return text.replaceAll("\\", "").split(/[\s|]+/).filter(Boolean);
}

/** Makes an id from a text, always the same from the same text (UUID of version 8, RFC 9562, 5.8). */
function uuidOf(text: string): string {
  const hash = nodeCrypto().createHash("sha256").update(text).digest();
  hash[6] = hash[6] & 0x0f | 0x80;
  hash[8] = hash[8] & 0x3f | 0x80;
  const hex = hash.toString("hex").slice(0, 32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Makes the profile of the interface. */
export function profile(
  facts: Facts,
  { id, uuid, servers }: {
    readonly id: string;
    readonly uuid: string;
    readonly servers: readonly string[];
  },
): string {
  const { link, identity, leased4, leased6 } = facts;
  return `${
    [
      ...["[connection]", `id=${id}`, `uuid=${uuid}`, "type=ethernet"],
      ...[`interface-name=${link.name}`, "autoconnect=true"],
      "autoconnect-priority=999",
      "[ethernet]",
      `cloned-mac-address=${identity.mac ?? "preserve"}`,
      ...identity.mtu ? [`mtu=${identity.mtu}`] : [],
      "[ipv4]",
      ...family(facts, AF_INET, leased4 ? "auto" : undefined, servers),
      "[ipv6]",
      // From the MAC address: the other modes have a secret of the machine, which forks share.
      "addr-gen-mode=eui64",
      ...family(facts, AF_INET6, leased6 ? "auto" : undefined, servers),
    ].join("\n")
  }\n`;
}

function family(
  { addresses, routes, identity }: Facts,
  family: LinkAddress["family"],
  leased: string | undefined,
  servers: readonly string[],
): string[] {
  const own = addresses.filter((one) => one.family === family);
  const none = family === AF_INET ? "disabled" : "link-local";
  const dns = servers.filter((one) =>
    one.includes(":") === (family === AF_INET6)
  );
  const method = leased ?? (own.length > 0 ? "manual" : none);
  const isUsed = method === "manual" || method === "auto";
  const lines = [
    `method=${method}`,
    ...own.map(({ address, prefix }, i) =>
      `address${i + 1}=${address}/${prefix}`
    ),
    ...routes.filter((one) => one.family === family).map((one, i) =>
      `route${i + 1}=${one.destination},${one.gateway ?? ""},${one.metric}`
    ),
  ];
  if (!isUsed) return [`method=${method}`];
  return [
    ...lines,
    ...dns.length > 0 ? [`dns=${dns.join(";")};`] : [],
    ...identity.search ? [`dns-search=${identity.search.join(";")};`] : [],
  ];
}
