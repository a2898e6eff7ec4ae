/**
 * The machine's own addresses, as the kernel routes them: who calls from one of
 * them is inside this machine. The list of node:os leaves out interfaces without
 * a carrier (an unused bridge), whose addresses a program can bind all the same.
 * @module
 */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { hasPrefix, ipVersion, parseIp, unmapIp } from "./ip.ts";
import type { Libc } from "./libc.ts";
import { Network } from "./rtnetlink.ts";

/** The flag of a local route in /proc/net/ipv6_route (linux/ipv6_route.h). */
const RTF_LOCAL = 0x80000000;

/** Addresses and ranges of addresses that are this machine's. */
export interface LocalAddresses {
  /** True for an address of this machine, and for what is no address at all. */
  has(address: string): boolean;
}

/** A range of addresses, as a route has it. */
export interface Range {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** Reads a file, or throws as node:fs does. */
type Read = (path: string) => string;

/** fe80::/10 (RFC 4291, 2.5.6): which interface's it is, an address does not say. */
const LINK_LOCAL = new Uint8Array(16).fill(0xfe, 0, 1).fill(0x80, 1, 2);

/**
 * True for an address of this machine now, and for what is no address at all.
 * The kernel is asked for this one address; its tables are read only where it
 * cannot be. Ask anew for each decision: a restored machine may have been given
 * another address.
 */
export function isLocalAddress(
  libc: Libc,
  text: string,
  tables: () => LocalAddresses = localAddresses,
): boolean {
  const address = parseIp(withoutZone(text));
  if (address === undefined) return true;
  const bare = unmapIp(address);
  if (libc.socket === undefined || hasPrefix(bare, LINK_LOCAL, 10)) {
    return tables().has(text);
  }
  try {
    using network = new Network(libc);
    return network.routes.isLocal(bare);
  } catch {
    // No route at all is an answer, but a rule may have hidden a local address.
    return tables().has(text);
  }
}

/** A link-local address may come with its interface: fe80::1%eth0. */
function withoutZone(text: string): string {
  const zone = text.indexOf("%");
  return zone === -1 ? text : text.slice(0, zone);
}

/**
 * What is local now. Ask anew for each decision: a restored machine may have
 * been given another address.
 */
export function localAddresses(
  read: Read = (path) => readFileSync(path, "latin1"),
): LocalAddresses {
  const ranges = [
    { address: "127.0.0.0", bits: 8 },
    { address: "::1", bits: 128 },
    ...table(read, "/proc/net/fib_trie", parseFibTrie, 4),
    ...table(read, "/proc/net/ipv6_route", parseIpv6Route, 6),
  ].flatMap(({ address, bits }) => {
    const prefix = parseIp(address);
    return prefix === undefined ? [] : [{ prefix, bits }];
  });
  return {
    has(text) {
      const address = parseIp(withoutZone(text));
      if (address === undefined) return true;
      // An IPv4 address may come as ::ffff:a.b.c.d.
      const bare = unmapIp(address);
      return ranges.some(({ prefix, bits }) =>
        hasPrefix(bare, prefix, bits) || hasPrefix(address, prefix, bits)
      );
    },
  };
}

/** Local routes of IPv4: `|-- ADDRESS`, then its routes by their length. */
export function parseFibTrie(text: string): Range[] {
  const ranges: Range[] = [];
  let address = "";
  for (const line of text.split("\n")) {
    address = /^ *\|-- (\d+\.\d+\.\d+\.\d+)$/.exec(line)?.[1] ?? address;
    const bits = /^ *\/(\d+) host LOCAL\b/.exec(line)?.[1];
    if (bits === undefined || ipVersion(address) !== 4 || Number(bits) > 32) {
      continue;
    }
    ranges.push({ address, bits: Number(bits), family: "ipv4" });
  }
  return ranges;
}

/**
 * Local routes of IPv6. Ten columns in hexadecimal: the destination, the length
 * of its prefix, source, its length, next hop, metric, two counters, flags, and
 * the name of the interface.
 */
export function parseIpv6Route(text: string): Range[] {
  return text.split("\n").flatMap((line) => {
    const found =
      /^([0-9a-f]{32}) ([0-9a-f]{2})(?: [0-9a-f]+){6} ([0-9a-f]{8}) /
        .exec(line);
    if (found === null) return [];
    const bits = parseInt(found[2], 16);
    const isLocal = (parseInt(found[3], 16) & RTF_LOCAL) !== 0;
    if (!isLocal || bits > 128) return [];
    const address = found[1].match(/.{4}/g)!.join(":");
    return [{ address, bits, family: "ipv6" as const }];
  });
}

/** The kernel's table, or what node:os knows where there is no such table. */
function table(
  read: Read,
  path: string,
  parse: (text: string) => Range[],
  family: 4 | 6,
): Range[] {
  let text: string;
  try {
    text = read(path);
  } catch {
    return interfaces(family);
  }
  return parse(text);
}

function interfaces(family: 4 | 6): Range[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.flatMap(({ address }) =>
      ipVersion(address) === family
        ? [{
          address,
          bits: family === 4 ? 32 : 128,
          family: `ipv${family}` as const,
        }]
        : []
    )
  );
}
