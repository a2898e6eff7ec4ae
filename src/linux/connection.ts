/**
 * One accepted connection: reads its state from the kernel, and shuts it down.
 * @module
 */
import { readlinkSync } from "node:fs";
import { resultUnless } from "../util/errors.ts";
import type { Peer } from "../runtime/types.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";
import { ADDRESS, addressLength } from "./address_buffer.ts";
import { readPort } from "./socket_address.ts";
import {
  IPPROTO_TCP,
  SHUT_RD,
  SHUT_RDWR,
  TCP_CORK,
  TCP_INFO,
} from "./socket_constants.ts";
import { setSocketOption, socketOption } from "./socket_option.ts";
import { parseTcpInfo, TCP_INFO_BYTES, type TcpInfo } from "./tcp_info.ts";

/**
 * One accepted connection. A later connection on the same descriptor has another inode.
 */
export interface Connection {
  readonly fd: number;
  readonly inode: string;
  readonly peer: Peer;
}

/** An ioctl(2) of sockios.h: the bytes that were sent and not yet acknowledged. */
const SIOCOUTQ = 0x5411n;
/** An ioctl(2) of sockios.h: the bytes that were received and not yet read. */
const SIOCINQ = 0x541bn;

/**
 * Shuts the connection down in both directions. The runtime, which owns the descriptor, then reads
 * the end of the stream and closes the descriptor. False if the descriptor no longer is this
 * connection, or if the connection has ended.
 */
export function shutdownConnection(
  libc: Libc,
  connection: Connection,
): boolean {
  if (!isStillOpen(libc, connection)) return false;
  if (shutdownListed(libc, connection)) return true;
  const error = lastError(libc, "shutdown", describe(connection));
  if (isStillOpen(libc, connection)) throw error;
  return false;
}

/**
 * Like {@linkcode shutdownConnection}, without the check whether it still is the same connection:
 * only for a connection that was listed in the same turn of the event loop. The runtime closes
 * descriptors only between turns, so the descriptor still is this connection.
 */
export function shutdownListed(libc: Libc, { fd }: Connection): boolean {
  return requireSymbol(libc, "shutdown")(fd, SHUT_RDWR) === 0;
}

/**
 * Ends the reading direction: the runtime reads the end of the stream, and nothing is sent to the
 * client. False if the connection has ended.
 */
export function endReading(libc: Libc, { fd }: Connection): boolean {
  return requireSymbol(libc, "shutdown")(fd, SHUT_RD) === 0;
}

/**
 * Sets TCP_CORK (tcp(7)): the kernel holds back written bytes until a packet is full or the
 * connection is closed, for at most 200 ms. False if the option cannot be set.
 */
export function cork(libc: Libc, { fd }: Connection): boolean {
  return setSocketOption(libc, fd, IPPROTO_TCP, TCP_CORK, 1);
}

/**
 * Returns the number of bytes that the runtime has not read yet, 0 for a connection that has ended.
 * Like {@linkcode shutdownListed}, only for a connection that was listed in the same turn.
 */
export function unreadBytes(libc: Libc, { fd }: Connection): number {
  return countOf(libc, fd, SIOCINQ) ?? 0;
}

/**
 * Returns the bytes of a vsock connection that its host has not taken yet; 0 before Linux 6.12, which
 * does not count them. Of a unix connection, those that its client has not read, and more: the kernel
 * counts the memory that they take.
 */
export function unsentBytes(libc: Libc, { fd }: Connection): number {
  return countOf(libc, fd, SIOCOUTQ) ?? 0;
}

/**
 * Returns the bytes that the client has not acknowledged; undefined if the connection has ended.
 */
export function unacknowledgedBytes(
  libc: Libc,
  connection: Connection,
): number | undefined {
  const { fd, inode } = connection;
  if (inodeOf(fd) !== inode) return undefined;
  const count = countOf(libc, fd, SIOCOUTQ);
  if (count !== undefined) return count;
  throw lastError(libc, "ioctl SIOCOUTQ", describe(connection));
}

/** Asks for a number of bytes by an ioctl(2) of linux/sockios.h; undefined if the kernel refuses. */
function countOf(libc: Libc, fd: number, request: bigint): number | undefined {
  const count = new Int32Array(1);
  const bytes = new Uint8Array(count.buffer);
  const ioctl = requireSymbol(libc, "ioctl");
  return ioctl(fd, request, bytes) === 0 ? count[0] : undefined;
}

/** Reads TCP_INFO (tcp(7)); undefined if the connection has ended. */
export function tcpInfo(
  libc: Libc,
  connection: Connection,
): TcpInfo | undefined {
  const { fd, inode } = connection;
  if (inodeOf(fd) !== inode) return undefined;
  const info = socketOption(libc, fd, IPPROTO_TCP, TCP_INFO, TCP_INFO_BYTES);
  if (info !== undefined) return parseTcpInfo(info);
  throw lastError(libc, "getsockopt TCP_INFO", describe(connection));
}

/** Whether the descriptor still is this connection, and the connection has a peer. */
export function isStillOpen(
  libc: Libc,
  { fd, inode, peer }: Connection,
): boolean {
  return hasPeer(libc, fd) &&
    (readPort(ADDRESS) ?? peer.port) === peer.port &&
    inodeOf(fd) === inode;
}

/** Whether the socket has a peer; if it does, `ADDRESS` holds the peer's address. */
export function hasPeer(libc: Libc, fd: number): boolean {
  const getpeername = requireSymbol(libc, "getpeername");
  return getpeername(fd, ADDRESS, addressLength()) === 0;
}

/** Returns the inode of a socket (proc_pid_fd(5)); undefined for any other descriptor. */
export function inodeOf(fd: number): string | undefined {
  const closed = ["ENOENT"];
  const target = resultUnless(
    closed,
    () => readlinkSync(`/proc/self/fd/${fd}`),
  );
  return /^socket:\[(\d+)\]$/.exec(target ?? "")?.[1];
}

/** Describes the connection in error messages. */
function describe({ fd, peer }: Connection): string {
  return `connection of ${peer.address} port ${peer.port} (fd ${fd})`;
}
