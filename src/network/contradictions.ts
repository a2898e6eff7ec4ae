/**
 * Contradictions in a network identity, each of whose fields is valid. No JSON Schema can describe
 * them.
 * @module
 */
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { formatIp, hasPrefix, parseIp } from "../linux/ip.ts";

/** IPv6 needs this MTU (RFC 8200, 5). */
const IPV6_MTU = 1280;

/** One address with its prefix. */
export interface Address {
  /** In the form of {@linkcode formatIp}. */
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** The value as a list; an absent value is an empty list. */
export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as T];
}

/** The addresses of an identity. */
export function addressesIn({ address }: NetworkIdentity): Address[] {
  return listOf(address).map((cidr) => {
    const [text, prefix] = cidr.split("/");
    const bytes = parseIp(text)!;
    return { address: formatIp(bytes), bytes, prefix: Number(prefix) };
  });
}

/** The gateways of an identity, in the form of {@linkcode formatIp}. */
export function gatewaysIn({ gateway }: NetworkIdentity): string[] {
  return listOf(gateway).map((text) => formatIp(parseIp(text)!));
}

/**
 * Returns why no machine can have these identities; undefined if a machine can have them.
 */
export function contradictionIn(
  identities: NetworkIdentity | readonly NetworkIdentity[],
): string | undefined {
  const list = listOf(identities);
  for (const identity of list) {
    const found = contradictionOf(identity);
    if (found !== undefined) return found;
  }
  const named = list.map(({ interface: name }) => name ?? "");
  if (new Set(named).size < named.length) {
    return "Cannot set the interfaces: one of them is there twice; " +
      "give each interface once, and name each but one";
  }
  if (list.filter(({ hostname }) => hostname !== undefined).length > 1) {
    return "Cannot set the host name: there are two; give one";
  }
  const all = list.flatMap((identity) =>
    addressesIn(identity).map(({ address }) => address)
  );
  if (new Set(all).size < all.length) {
    return "Cannot set the address: it is there twice; give each address once";
  }
}

function contradictionOf(identity: NetworkIdentity): string | undefined {
  const addresses = addressesIn(identity);
  const gateways = gatewaysIn(identity);
  for (const one of addresses) {
    if (one.bytes.length === 16 && !isUnicast(one.bytes)) {
      return "Cannot set the address: it is no address of a host; " +
        "give a unicast address other than loopback";
    }
    if (!isHost(one)) {
      return "Cannot set the address: it is the address of a whole network; " +
        "give the address of a host";
    }
  }
  for (const gateway of gateways) {
    const bytes = parseIp(gateway)!;
    if (bytes.length === 16 && !isUnicast(bytes)) {
      return "Cannot set the gateway: it is no address of a host; " +
        "give a unicast address other than loopback";
    }
    if (addresses.some(({ address }) => address === gateway)) {
      return "Cannot set the gateway: it is the machine's own address; " +
        "give the address of another machine";
    }
  }
  const families = gateways.map((text) => text.includes(":"));
  if (new Set(families).size < families.length) {
    return "Cannot set the gateway: two have the same family; " +
      "give one of each family";
  }
  const has6 = [...addresses.map(({ address }) => address), ...gateways]
    .some((text) => text.includes(":"));
  if (has6 && (identity.mtu ?? IPV6_MTU) < IPV6_MTU) {
    return `Cannot set the MTU: IPv6 needs ${IPV6_MTU} bytes; ` +
      "give a larger one";
  }
}

/** Not unspecified, loopback, multicast, or an IPv4 address in another form. */
function isUnicast(bytes: Uint8Array): boolean {
  const isMulticast = bytes[0] === 0xff;
  return !isMulticast && !hasPrefix(bytes, new Uint8Array(16), 80);
}

/** Whether the address is neither the address of the network nor its broadcast address. */
function isHost({ bytes, prefix }: Address): boolean {
  const last = bytes.length * 8;
  if (prefix > last - 2) return true; // RFC 3021, RFC 6164
  const host = bytes.map((byte, i) =>
    byte & 0xff >> Math.min(8, Math.max(0, prefix - i * 8))
  );
  if (host.every((byte) => byte === 0)) return false;
  // IPv6 has no broadcast.
  if (bytes.length === 16) return true;
  return host.some((byte, i) =>
    byte !== 0xff >> Math.min(8, Math.max(0, prefix - i * 8))
  );
}
