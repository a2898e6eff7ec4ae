/**
 * Overwrites the buffers of network devices. A driver gives its device buffers, and takes memory that
 * was just freed for new ones: what a request left there stays until the device fills that buffer
 * again. So neighbours are asked for echoes of zeros (ICMP, RFC 792), until each buffer had one.
 * @module
 */
import { readFileSync } from "node:fs";
import { errnoName } from "../util/errno.ts";
import { sleep, waitFor } from "../util/wait.ts";
import { parseIp } from "./ip.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";
import {
  AF_INET,
  ICMP_FILTER,
  IPPROTO_ICMP,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_RAW,
} from "./socket_constants.ts";

/**
 * Echoes from a neighbour of each device. virtio_net has 256 buffers, and may take the memory of a
 * request twice.
 */
const ECHOES = 640;
/** Bytes of data of an echo: with its headers, it fills an Ethernet frame. */
const ECHO_BYTES = 1472;
/** Milliseconds to send the echoes of a device. */
const DEVICE_MS = 3000;
/** Milliseconds without a reply, after which no more are expected. */
const REPLY_MS = 250;

/** A device with a neighbour that has answered before. */
interface Neighbour {
  readonly device: string;
  readonly address: string;
}

/**
 * Overwrites the buffers of all devices with a known neighbour. Returns the packets that the devices
 * received meanwhile: 0 if no neighbour is known or none answers.
 */
export async function overwriteReceiveBuffers(
  libc: Libc,
  signal: AbortSignal,
): Promise<number> {
  let received = 0;
  for (const neighbour of neighboursIn(readFileSync("/proc/net/arp", "utf8"))) {
    if (signal.aborted) break;
    const before = packetsOf(neighbour.device);
    await ask(libc, neighbour, signal);
    await receive(neighbour.device, before + ECHOES, signal);
    received += packetsOf(neighbour.device) - before;
  }
  return received;
}

/** The first neighbour of each device in the text of /proc/net/arp, arp(7). */
export function neighboursIn(text: string): Neighbour[] {
  const found = new Map<string, Neighbour>();
  for (const line of text.split("\n").slice(1)) {
    const [address, type, flags, , , device] = line.trim().split(/\s+/);
    // Ethernet, and an entry that is complete.
    if (type !== "0x1" || (Number(flags) & 2) === 0) continue;
    if (!found.has(device)) found.set(device, { device, address });
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

/** Waits until the device has received `count` packets since it exists, or for a while none. */
async function receive(
  device: string,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  for (let last = -1, now = packetsOf(device); now > last && now < count;) {
    await waitFor(() => packetsOf(device) >= count, REPLY_MS, signal);
    [last, now] = [now, packetsOf(device)];
  }
}

async function ask(
  libc: Libc,
  { address }: Neighbour,
  signal: AbortSignal,
): Promise<void> {
  const type = SOCK_RAW | SOCK_CLOEXEC;
  const open = requireSymbol(libc, "socket");
  const socket = open(AF_INET, type, IPPROTO_ICMP);
  checked(libc, socket, "ask", address);
  try {
    // No reply is kept for this socket: it would keep the buffer.
    const all = new Uint8Array(4).fill(0xff);
    requireSymbol(libc, "setsockopt")(socket, SOL_RAW, ICMP_FILTER, all, 4);
    const name = new Uint8Array(16);
    new DataView(name.buffer).setUint16(0, AF_INET, true);
    name.set(parseIp(address)!, 4);
    const connected = requireSymbol(libc, "connect")(socket, name, 16);
    checked(libc, connected, "ask", address);
    const message = echoRequest();
    const send = requireSymbol(libc, "send");
    const end = performance.now() + DEVICE_MS;
    for (let sent = 0; sent < ECHOES && performance.now() < end;) {
      if (signal.aborted) return;
      const bytes = BigInt(message.length);
      if (send(socket, message, bytes, MSG_DONTWAIT) >= 0) {
        sent++;
        continue;
      }
      const errno = libc.errno?.() ?? 0;
      if (!["EAGAIN", "ENOBUFS"].includes(errnoName(errno))) {
        checked(libc, -1, "ask", address);
      }
      await sleep(1, signal);
    }
  } finally {
    requireSymbol(libc, "close")(socket);
  }
}

/** An echo request of zeros: its checksum follows from the type alone. */
function echoRequest(): Uint8Array {
  const message = new Uint8Array(8 + ECHO_BYTES);
  const view = new DataView(message.buffer);
  view.setUint16(0, 0x0800);
  view.setUint16(2, 0xffff - 0x0800);
  return message;
}
