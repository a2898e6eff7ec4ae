/**
 * Announces the machine's addresses on the network. Without the announcement, neighbours send to
 * the former MAC address until their table of neighbours expires.
 * @module
 */
import { ipv4Bytes } from "./ipv4.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";
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
  const socket = requireSymbol(libc.socket, "socket")(
    AF_PACKET,
    SOCK_RAW | SOCK_CLOEXEC,
    0,
  );
  if (socket < 0) throw lastError(libc, "announce", "an address");
  try {
    const name = new Uint8Array(SOCKADDR_LL_BYTES);
    const view = new DataView(name.buffer);
    view.setUint16(0, AF_PACKET, true);
    name.set(ETH_P_ARP, 2);
    view.setInt32(4, link, true);
    if (requireSymbol(libc.bind, "bind")(socket, name, SOCKADDR_LL_BYTES) < 0) {
      throw lastError(libc, "announce on link", String(link));
    }
    for (const address of addresses) {
      const frame = announcement(mac, ipv4Bytes(address));
      const size = BigInt(frame.length);
      if (requireSymbol(libc.send, "send")(socket, frame, size, 0) < 0) {
        throw lastError(libc, "announce", address);
      }
    }
  } finally {
    requireSymbol(libc.close, "close")(socket);
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
