/**
 * The agent's own connections, as the kernel has them. The runtimes' own books
 * miss connections (half-open ones, ones that never sent a byte) and keep dead
 * ones; descriptors do not lie.
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Peer } from "../runtime/types.ts";
import { failed, type Libc, need } from "./libc.ts";
import {
  readPort,
  readSocketAddress,
  readUnixPath,
  SOCKET_ADDRESS_BYTES,
} from "./socket_address.ts";
import { parseTcpInfo, TCP_INFO_BYTES, type TcpInfo } from "./tcp_info.ts";

/** One accepted connection. The inode tells it from a later one on its fd. */
export interface Connection {
  readonly fd: number;
  readonly inode: string;
  readonly peer: Peer;
}

/** shutdown(2) */
const SHUT_RDWR = 2;
/** ioctl(2), sockios.h: bytes sent and not yet acknowledged */
const SIOCOUTQ = 0x5411n;
/** The same, for bytes received and not yet read */
const SIOCINQ = 0x541bn;
/** tcp(7), netinet/tcp.h */
const IPPROTO_TCP = 6;
const TCP_INFO = 11;

/**
 * All connections that this process accepted on the ports, silent ones too (see
 * `showUnsentConnections`); none where there is no libc to ask. Sockets that
 * listen have no peer and drop out, and so does a connection already reset.
 */
export function listConnections(
  libc: Libc,
  ...ports: readonly number[]
): Connection[] {
  if (libc.getpeername === undefined) return [];
  return descriptorsOn(libc, ...ports).flatMap((fd) =>
    connectionOf(libc, fd) ?? []
  );
}

/** Whether the descriptor is an IP socket that is bound to one of the ports. */
export function isOn(
  libc: Libc,
  fd: number,
  ports: readonly number[],
): boolean {
  if (libc.getsockname?.(fd, ADDRESS, room()) !== 0) return false;
  const port = readPort(ADDRESS);
  return port !== undefined && ports.includes(port);
}

/**
 * A number above that of every open descriptor: what the kernel has room for
 * (FDSize in proc_pid_status(5)). To try them all, a few at a time, is cheaper
 * than to read the directory of thousands at once.
 */
export function descriptorsEnd(): number {
  const status = readFileSync("/proc/self/status", "latin1");
  const found = /^FDSize:\s+(\d+)$/m.exec(status);
  if (found === null) {
    throw new Error("Cannot find FDSize in /proc/self/status");
  }
  return Number(found[1]);
}

/** The accepted connection on that descriptor, if it is one and not over. */
export function connectionOf(libc: Libc, fd: number): Connection | undefined {
  const peer = peerOf(libc, fd);
  const inode = peer === undefined ? undefined : inodeOf(fd);
  if (peer === undefined || inode === undefined) return undefined;
  return { fd, inode, peer };
}

/**
 * The descriptors of this process's IP sockets that are bound to the ports; none
 * where there is no libc to ask.
 */
export function descriptorsOn(
  libc: Libc,
  ...ports: readonly number[]
): number[] {
  return boundDescriptors(libc, (address) => {
    const port = readPort(address);
    return port !== undefined && ports.includes(port);
  });
}

/**
 * Connections that this process accepted on unix sockets of these paths. Their
 * far ends have no names: nothing tells them apart but inode and descriptor.
 */
export function listUnixConnections(
  libc: Libc,
  ...paths: readonly string[]
): Connection[] {
  if (libc.getpeername === undefined || paths.length === 0) return [];
  const bound = boundDescriptors(libc, (address) => {
    const path = readUnixPath(address);
    return path !== undefined && paths.includes(path);
  });
  return bound.flatMap((fd): Connection[] => {
    const inode = hasPeer(libc, fd) ? inodeOf(fd) : undefined;
    if (inode === undefined) return [];
    return [{ fd, inode, peer: { address: "unix", port: 0, unix: true } }];
  });
}

function boundDescriptors(
  libc: Libc,
  isOurs: (address: Uint8Array) => boolean,
): number[] {
  const { getsockname } = libc;
  if (getsockname === undefined) return [];
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    // -1: not a socket, or closed by now, as the one that read the directory
    return getsockname(fd, ADDRESS, room()) === 0 && isOurs(ADDRESS);
  });
}

/** Scratch of all calls: none of them waits, and a walk makes thousands. */
const ADDRESS = new Uint8Array(SOCKET_ADDRESS_BYTES);
const LENGTH = new Uint32Array(1);
const LENGTH_BYTES = new Uint8Array(LENGTH.buffer);

/** The length to give with `ADDRESS`, of which a nameless socket fills little. */
function room(): Uint8Array {
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
  if (need(libc, "shutdown")(connection.fd, SHUT_RDWR) === 0) return true;
  const error = failed(libc, "shutdown", describe(connection));
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
  return need(libc, "ioctl")(fd, SIOCINQ, bytes) === 0 ? count[0] : 0;
}

/** {@linkcode shutdownConnection} without a look whether it still is the same. */
export function shutdownListed(libc: Libc, { fd }: Connection): boolean {
  return need(libc, "shutdown")(fd, SHUT_RDWR) === 0;
}

/** Bytes that the client has not acknowledged yet; undefined once it is over. */
export function unacknowledgedBytes(
  libc: Libc,
  connection: Connection,
): number | undefined {
  const ioctl = need(libc, "ioctl");
  if (inodeOf(connection.fd) !== connection.inode) return undefined;
  const count = new Int32Array(1);
  if (ioctl(connection.fd, SIOCOUTQ, new Uint8Array(count.buffer)) === -1) {
    throw failed(libc, "ioctl SIOCOUTQ", describe(connection));
  }
  return count[0];
}

/** What the kernel has counted; undefined once the connection is over. */
export function tcpInfo(
  libc: Libc,
  connection: Connection,
): TcpInfo | undefined {
  const getsockopt = need(libc, "getsockopt");
  const { fd, inode } = connection;
  if (inodeOf(fd) !== inode) return undefined;
  const info = new Uint8Array(TCP_INFO_BYTES);
  const length = new Uint32Array([info.length]);
  const lengthBytes = new Uint8Array(length.buffer);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, lengthBytes) === -1) {
    throw failed(libc, "getsockopt TCP_INFO", describe(connection));
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

function peerOf(libc: Libc, fd: number): Peer | undefined {
  return hasPeer(libc, fd) ? readSocketAddress(ADDRESS) : undefined;
}

function hasPeer(libc: Libc, fd: number): boolean {
  return need(libc, "getpeername")(fd, ADDRESS, room()) === 0;
}

const SOCKET = "socket:[";

/** The inode of a socket (proc_pid_fd(5)), undefined for all else. */
function inodeOf(fd: number): string | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    // No regular expression: it would be compiled anew after a restore.
    return target.startsWith(SOCKET)
      ? target.slice(SOCKET.length, -1)
      : undefined;
  } catch (error) {
    // closed by now
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** For error messages. */
function describe({ fd, peer }: Connection): string {
  return `connection of ${peer.address} port ${peer.port} (fd ${fd})`;
}
