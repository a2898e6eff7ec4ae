/**
 * The machine's own addresses, by the kernel's routes. A caller from one of them is inside this
 * machine. The list of node:os is incomplete: it has no interfaces without a carrier (an unused
 * bridge), and a program can bind the addresses of these.
 * @module
 */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { hasPrefix, parseIp, unmapIp } from "./ip.ts";
import type { Libc } from "./libc.ts";
import { Network } from "./rtnetlink.ts";

/** The flag of a local route in /proc/net/ipv6_route (linux/ipv6_route.h). */
const RTF_LOCAL = 0x80000000;

/** The addresses of this machine. */
export interface LocalAddresses {
  /** True for an address of this machine, and for a text that is no address. */
  has(address: string): boolean;
}

/** A range of addresses: the destination of a route. */
export interface Range {
  readonly prefix: Uint8Array;
  readonly bits: number;
}

/** Reads a file, or throws as node:fs does. */
type Read = (path: string) => string;

/** fe80::/10 (RFC 4291, 2.5.6). A link-local address alone does not name its interface. */
const LINK_LOCAL = new Uint8Array(16).fill(0xfe, 0, 1).fill(0x80, 1, 2);

/**
 * True for an address that this machine has now, and for a text that is no address. Asks the kernel
 * for the route to this address; reads the kernel's tables only if that is impossible. The answer
 * is valid for one decision, because a restored machine may get another address.
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
    // There is no route, or a routing rule hides a local address.
    return tables().has(text);
  }
}

/** Removes the interface from a link-local address: fe80::1%eth0. */
function withoutZone(text: string): string {
  const zone = text.indexOf("%");
  return zone === -1 ? text : text.slice(0, zone);
}

/**
 * Reads the addresses that this machine has now. The result is valid for one decision, because a
 * restored machine may get another address.
 */
export function localAddresses(
  read: Read = (path) => readFileSync(path, "latin1"),
): LocalAddresses {
  const ranges: Range[] = [
    { prefix: Uint8Array.of(127, 0, 0, 0), bits: 8 },
    { prefix: parseIp("::1")!, bits: 128 },
    ...table(read, "/proc/net/fib_trie", parseFibTrie, 4),
    ...table(read, "/proc/net/ipv6_route", parseIpv6Route, 16),
  ];
  return {
    has(text) {
      const address = parseIp(withoutZone(text));
      if (address === undefined) return true;
      // An IPv4 address may be written as ::ffff:a.b.c.d.
      const bare = unmapIp(address);
      return ranges.some(({ prefix, bits }) =>
        hasPrefix(bare, prefix, bits) || hasPrefix(address, prefix, bits)
      );
    },
  };
}

/** Reads the local routes of IPv4: a line `|-- ADDRESS`, then a line for each of its routes. */
export function parseFibTrie(text: string): Range[] {
  const ranges: Range[] = [];
  let address = "";
  for (const line of text.split("\n")) {
    address = /^ *\|-- (\d+\.\d+\.\d+\.\d+)$/.exec(line)?.[1] ?? address;
    const bits = /^ *\/(\d+) host LOCAL\b/.exec(line)?.[1];
    const prefix = parseIp(address);
    if (bits === undefined || prefix === undefined || Number(bits) > 32) {
      continue;
    }
    ranges.push({ prefix, bits: Number(bits) });
  }
  return ranges;
}

/**
 * Reads the local routes of IPv6. A line has ten columns, the numbers in hexadecimal:
 * destination, length of its prefix, source, length of its prefix, next hop, metric, two
 * counters, flags, name of the interface.
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
    return [{ prefix: Uint8Array.fromHex(found[1]), bits }];
  });
}

/** Reads a table of the kernel; if there is none, the list of node:os. */
function table(
  read: Read,
  path: string,
  parse: (text: string) => Range[],
  addressBytes: 4 | 16,
): Range[] {
  let text: string;
  try {
    text = read(path);
  } catch {
    return Object.values(networkInterfaces()).flatMap((addresses = []) =>
      addresses.flatMap(({ address }) => {
        const prefix = parseIp(address);
        if (prefix?.length !== addressBytes) return [];
        return [{ prefix, bits: addressBytes * 8 }];
      })
    );
  }
  return parse(text);
}
