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
const SOCKADDR_LL_BYTES = 20;

/**
 * Sends an ARP announcement (RFC 5227, 2.3) of each address on a link. Throws a SystemCallError if
 * the kernel refuses (needs CAP_NET_RAW).
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
      const frame = announcement(mac, parseIp(address)!);
      const sent = send(socket, frame, BigInt(frame.length), 0);
      checked(libc, sent, "announce", address);
    }
  } finally {
    requireSymbol(libc, "close")(socket);
  }
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
