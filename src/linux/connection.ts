/**
 * One accepted connection: what the kernel tells of it, and what it is told.
 * @module
 */
import { readlinkSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import type { Peer } from "../runtime/types.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";
import { readPort, SOCKET_ADDRESS_BYTES } from "./socket_address.ts";
import {
  IPPROTO_TCP,
  SHUT_RD,
  SHUT_RDWR,
  TCP_CORK,
  TCP_INFO,
} from "./socket_constants.ts";
import { parseTcpInfo, TCP_INFO_BYTES, type TcpInfo } from "./tcp_info.ts";

/** One accepted connection. The inode tells it from a later one on its fd. */
export interface Connection {
  readonly fd: number;
  readonly inode: string;
  readonly peer: Peer;
}

/** ioctl(2), sockios.h: bytes sent and not yet acknowledged */
const SIOCOUTQ = 0x5411n;
/** The same, for bytes received and not yet read */
const SIOCINQ = 0x541bn;
/** What an option is switched on with: an int. */
const ON = Uint8Array.of(1, 0, 0, 0);

/** Scratch of all calls: none of them waits, and a walk makes thousands. */
export const ADDRESS = new Uint8Array(SOCKET_ADDRESS_BYTES);
const LENGTH = new Uint32Array(1);
const LENGTH_BYTES = new Uint8Array(LENGTH.buffer);

/** The length to give with `ADDRESS`, of which a nameless socket fills little. */
export function room(): Uint8Array {
  ADDRESS.fill(0);
  LENGTH[0] = ADDRESS.length;
  return LENGTH_BYTES;
}

/**
 * Ends the connection in both directions, so that the runtime reads its end and
 * closes the descriptor, which is the runtime's own. False where the descriptor
 * is no longer this connection, or the connection is over.
 */
export function shutdownConnection(
  libc: Libc,
  connection: Connection,
): boolean {
  if (!isStillOpen(libc, connection)) return false;
  if (
    requireSymbol(libc.shutdown, "shutdown")(connection.fd, SHUT_RDWR) === 0
  ) {
    return true;
  }
  const error = lastError(libc, "shutdown", describe(connection));
  if (isStillOpen(libc, connection)) throw error;
  return false;
}

/**
 * Bytes that the runtime has not read yet, 0 for a connection that is over. Like
 * {@linkcode shutdownListed} for connections that were listed in this same turn
 * of the loop: the runtime closes descriptors only between turns, so that
 * nothing needs to be looked up again.
 */
export function unreadBytes(libc: Libc, { fd }: Connection): number {
  const count = new Int32Array(1);
  const bytes = new Uint8Array(count.buffer);
  return requireSymbol(libc.ioctl, "ioctl")(fd, SIOCINQ, bytes) === 0
    ? count[0]
    : 0;
}

/** {@linkcode shutdownConnection} without a look whether it still is the same. */
export function shutdownListed(libc: Libc, { fd }: Connection): boolean {
  return requireSymbol(libc.shutdown, "shutdown")(fd, SHUT_RDWR) === 0;
}

/**
 * Keeps back what is written next, until the connection is closed or a packet is
 * full; the kernel sends it after 200 ms at the latest (tcp(7), TCP_CORK). False
 * where it will not be kept.
 */
export function cork(libc: Libc, { fd }: Connection): boolean {
  return libc.setsockopt?.(fd, IPPROTO_TCP, TCP_CORK, ON, ON.length) === 0;
}

/**
 * Has the runtime read the end of what the client says, which sends nothing; false
 * where the connection is over.
 */
export function endReading(libc: Libc, { fd }: Connection): boolean {
  return requireSymbol(libc.shutdown, "shutdown")(fd, SHUT_RD) === 0;
}

/** Bytes that the client has not acknowledged yet; undefined once it is over. */
export function unacknowledgedBytes(
  libc: Libc,
  connection: Connection,
): number | undefined {
  const ioctl = requireSymbol(libc.ioctl, "ioctl");
  if (inodeOf(connection.fd) !== connection.inode) return undefined;
  const count = new Int32Array(1);
  if (ioctl(connection.fd, SIOCOUTQ, new Uint8Array(count.buffer)) === -1) {
    throw lastError(libc, "ioctl SIOCOUTQ", describe(connection));
  }
  return count[0];
}

/** What the kernel has counted; undefined once the connection is over. */
export function tcpInfo(
  libc: Libc,
  connection: Connection,
): TcpInfo | undefined {
  const getsockopt = requireSymbol(libc.getsockopt, "getsockopt");
  const { fd, inode } = connection;
  if (inodeOf(fd) !== inode) return undefined;
  const info = new Uint8Array(TCP_INFO_BYTES);
  const length = new Uint32Array([info.length]);
  const lengthBytes = new Uint8Array(length.buffer);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, lengthBytes) === -1) {
    throw lastError(libc, "getsockopt TCP_INFO", describe(connection));
  }
  return parseTcpInfo(info, length[0]);
}

/**
 * Whether the descriptor still is this connection, and has a peer. The inode
 * comes last: to read it where there is none any more is an exception, and a
 * recovery's caller waits.
 */
export function isStillOpen(
  libc: Libc,
  { fd, inode, peer }: Connection,
): boolean {
  return hasPeer(libc, fd) &&
    (readPort(ADDRESS) ?? peer.port) === peer.port &&
    inodeOf(fd) === inode;
}

/** Whether it has; then `ADDRESS` is the peer's. */
export function hasPeer(libc: Libc, fd: number): boolean {
  return requireSymbol(libc.getpeername, "getpeername")(fd, ADDRESS, room()) ===
    0;
}

const SOCKET = "socket:[";

/** The inode of a socket (proc_pid_fd(5)), undefined for all else. */
export function inodeOf(fd: number): string | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return target.startsWith(SOCKET)
      ? target.slice(SOCKET.length, -1)
      : undefined;
  } catch (error) {
    // closed by now
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** For error messages. */
function describe({ fd, peer }: Connection): string {
  return `connection of ${peer.address} port ${peer.port} (fd ${fd})`;
}
