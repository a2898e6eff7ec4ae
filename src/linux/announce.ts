/**
 * Announces the machine's addresses on the network. Without the announcement, neighbours send to
 * the former MAC address until their table of neighbours expires.
 * @module
 */
import { parseIp } from "./ip.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW } from "./socket_constants.ts";

/** linux/if_packet.h, linux/if_ether.h, packet(7) */
const ETH_P_ARP = [0x08, 0x06];
const ETH_P_IPV6 = [0x86, 0xdd];
const SOCKADDR_LL_BYTES = 20;

/** All nodes of a link (RFC 4291, 2.7.1), as an address and as a MAC address (RFC 2464, 7). */
const ALL_NODES = parseIp("ff02::1")!;
const ALL_NODES_MAC = [0x33, 0x33, 0, 0, 0, 1];

/** RFC 8200, RFC 4443 */
const ICMPV6 = 58;

/**
 * Sends an announcement of each address on a link: of ARP (RFC 5227, 2.3) for IPv4, of neighbour
 * discovery (RFC 4861, 7.2.6) for IPv6. Throws a SystemCallError if the kernel refuses (needs
 * CAP_NET_RAW).
 */
export function announce(
  libc: Libc,
  link: number,
  mac: Uint8Array,
  addresses: readonly string[],
): void {
  const type = SOCK_RAW | SOCK_CLOEXEC;
  const socket = requireSymbol(libc, "socket")(AF_PACKET, type, 0);
  checked(libc, socket, "announce", "an address");
  try {
    const name = new Uint8Array(SOCKADDR_LL_BYTES);
    const view = new DataView(name.buffer);
    view.setUint16(0, AF_PACKET, true);
    name.set(ETH_P_ARP, 2);
    view.setInt32(4, link, true);
    const bound = requireSymbol(libc, "bind")(socket, name, name.length);
    checked(libc, bound, "announce on link", String(link));
    const send = requireSymbol(libc, "send");
    for (const address of addresses) {
      const bytes = parseIp(address)!;
      const frame = bytes.length === 4
        ? announcement(mac, bytes)
        : advertisement(mac, bytes);
      const sent = send(socket, frame, BigInt(frame.length), 0);
      checked(libc, sent, "announce", address);
    }
  } finally {
    requireSymbol(libc, "close")(socket);
  }
}

/** An Ethernet frame with an unsolicited neighbour advertisement of the address. */
export function advertisement(
  mac: Uint8Array,
  address: Uint8Array,
): Uint8Array {
  // Type 136, the flag "override", the address, and the option with its MAC address.
  const message = Uint8Array.of(
    ...[136, 0, 0, 0, 0x20, 0, 0, 0],
    ...address,
    ...[2, 1],
    ...mac,
  );
  const pseudoHeader = Uint8Array.of(
    ...address,
    ...ALL_NODES,
    ...[0, 0, 0, message.length, 0, 0, 0, ICMPV6],
  );
  const sum = checksum(pseudoHeader, message);
  message.set([sum >> 8, sum & 0xff], 2);
  return Uint8Array.of(
    ...ALL_NODES_MAC,
    ...mac,
    ...ETH_P_IPV6,
    // Version 6, the length, ICMPv6, and the hop limit that tells that no router has passed it on.
    ...[0x60, 0, 0, 0, 0, message.length, ICMPV6, 255],
    ...address,
    ...ALL_NODES,
    ...message,
  );
}

/** The checksum of RFC 1071 over parts of an even length. */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += part[i] << 8 | part[i + 1];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** An Ethernet frame with an ARP request for the sender's own address. */
export function announcement(
  mac: Uint8Array,
  address: Uint8Array,
): Uint8Array {
  return Uint8Array.of(
    // Ethernet: the broadcast address, the sender
    ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ...mac,
    ...ETH_P_ARP,
    // RFC 826: Ethernet and IPv4, lengths 6 and 4, request
    ...[0, 1, 8, 0, 6, 4, 0, 1],
    ...mac,
    ...address,
    ...[0, 0, 0, 0, 0, 0],
    ...address,
  );
}
