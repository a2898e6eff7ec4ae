/**
 * Makes network devices use up the buffers that have received something. A driver gives its device
 * buffers that share a block of memory; the block is free, and can be zeroed, when the device has
 * filled the last of them. So neighbours are asked for their addresses, and their replies fill the
 * buffers: ARP (RFC 826), which every neighbour answers.
 * @module
 */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { waitFor } from "../util/wait.ts";
import { parseIp } from "./ip.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { Network } from "./rtnetlink.ts";
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW } from "./socket_constants.ts";

/**
 * Requests for each device. virtio_net takes blocks of 32 KiB for buffers of at least 1.5 KB each, in
 * the order of their use.
 */
const REQUESTS = 64;
/** Milliseconds to wait for the replies of a device. */
const REPLY_MS = 250;

/** linux/if_packet.h, linux/if_ether.h, packet(7) */
const ETH_P_ARP = [0x08, 0x06];
const SOCKADDR_LL_BYTES = 20;

/** A device with a neighbour that has answered before. */
interface Neighbour {
  readonly device: string;
  readonly address: string;
  /** The MAC address. */
  readonly mac: string;
}

/** The addresses of one side. */
type Own = Pick<Neighbour, "address" | "mac">;

/** Asks one neighbour of each device. Returns the number of packets that the devices received. */
export async function useUpReceiveBuffers(
  libc: Libc,
  signal: AbortSignal,
): Promise<number> {
  let received = 0;
  using network = new Network(libc);
  const links = network.links();
  for (const neighbour of neighboursIn(readFileSync("/proc/net/arp", "utf8"))) {
    const { device } = neighbour;
    const own = networkInterfaces()[device]?.find(({ family }) =>
      family === "IPv4"
    );
    const index = links.find(({ name }) => name === device)?.index;
    if (own === undefined || index === undefined || signal.aborted) continue;
    const before = packetsOf(device);
    ask(libc, neighbour, { ...own, index });
    await waitFor(
      () => packetsOf(device) >= before + REQUESTS,
      REPLY_MS,
      signal,
    );
    received += packetsOf(device) - before;
  }
  return received;
}

/** The first neighbour of each device in the text of /proc/net/arp, arp(7). */
export function neighboursIn(text: string): Neighbour[] {
  const found = new Map<string, Neighbour>();
  for (const line of text.split("\n").slice(1)) {
    const [address, type, flags, mac, , device] = line.trim().split(/\s+/);
    // Ethernet, and an entry that is complete.
    if (type !== "0x1" || (Number(flags) & 2) === 0) continue;
    if (!found.has(device)) found.set(device, { device, address, mac });
  }
  return [...found.values()];
}

/** The packets that a device has received, of the text of /proc/net/dev. */
function packetsOf(device: string): number {
  const line = readFileSync("/proc/net/dev", "utf8").split("\n")
    .map((line) => line.trim())
    .find((line) => line.startsWith(`${device}:`));
  return Number(line?.slice(device.length + 1).trim().split(/\s+/)[1] ?? 0);
}

function ask(
  libc: Libc,
  { device, address, mac }: Neighbour,
  own: Own & { readonly index: number },
): void {
  const type = SOCK_RAW | SOCK_CLOEXEC;
  const socket = requireSymbol(libc, "socket")(AF_PACKET, type, 0);
  checked(libc, socket, "ask", "a neighbour");
  try {
    const name = new Uint8Array(SOCKADDR_LL_BYTES);
    const view = new DataView(name.buffer);
    view.setUint16(0, AF_PACKET, true);
    name.set(ETH_P_ARP, 2);
    view.setInt32(4, own.index, true);
    const bound = requireSymbol(libc, "bind")(socket, name, name.length);
    checked(libc, bound, "ask a neighbour on link", device);
    const frame = requestFor(own, { address, mac });
    const send = requireSymbol(libc, "send");
    for (let i = 0; i < REQUESTS; i++) {
      const sent = send(socket, frame, BigInt(frame.length), 0);
      checked(libc, sent, "ask a neighbour on link", device);
    }
  } finally {
    requireSymbol(libc, "close")(socket);
  }
}

/** An Ethernet frame with an ARP request to the neighbour alone. */
function requestFor(own: Own, other: Own): Uint8Array {
  const from = bytesOf(own.mac);
  return Uint8Array.of(
    ...bytesOf(other.mac),
    ...from,
    ...ETH_P_ARP,
    ...[0, 1, 8, 0, 6, 4, 0, 1],
    ...from,
    ...parseIp(own.address)!,
    ...[0, 0, 0, 0, 0, 0],
    ...parseIp(other.address)!,
  );
}

function bytesOf(mac: string): number[] {
  return mac.split(":").map((byte) => parseInt(byte, 16));
}
