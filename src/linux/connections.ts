/**
 * The agent's own connections, as the kernel has them. The runtimes' own books
 * miss connections (half-open ones, ones that never sent a byte) and keep dead
 * ones; descriptors do not lie.
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";
import type { Peer } from "../runtime/types.ts";
import { failed, type Libc, need } from "./libc.ts";
import {
  readPort,
  readSocketAddress,
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
 * All connections that this process accepted on the port, silent ones too (see
 * `showUnsentConnections`); none where there is no libc to ask. Sockets that
 * listen have no peer and drop out, and so does a connection already reset.
 */
export function listConnections(libc: Libc, port: number): Connection[] {
  if (libc.getpeername === undefined) return [];
  const connections: Connection[] = [];
  for (const fd of descriptorsOn(libc, port)) {
    const peer = peerOf(libc, fd);
    const inode = peer === undefined ? undefined : inodeOf(fd);
    if (peer === undefined || inode === undefined) continue;
    connections.push({ fd, inode, peer });
  }
  return connections;
}

/**
 * The descriptors of this process's IP sockets that are bound to the port; none
 * where there is no libc to ask.
 */
export function descriptorsOn(libc: Libc, port: number): number[] {
  const { getsockname } = libc;
  if (getsockname === undefined) return [];
  const address = new Uint8Array(SOCKET_ADDRESS_BYTES);
  const length = new Uint32Array(1);
  const lengthBytes = new Uint8Array(length.buffer);
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    length[0] = address.length;
    // -1: not a socket, or closed by now, as the one that read the directory
    return getsockname(fd, address, lengthBytes) === 0 &&
      readPort(address) === port;
  });
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
  const shutdown = need(libc, "shutdown");
  if (!isStillOpen(libc, connection)) return false;
  if (shutdown(connection.fd, SHUT_RDWR) === 0) return true;
  const error = failed(libc, "shutdown", describe(connection));
  if (isStillOpen(libc, connection)) throw error;
  return false;
}

/** Bytes that the client has not acknowledged yet; undefined once it is over. */
export function unacknowledgedBytes(
  libc: Libc,
  connection: Connection,
): number | undefined {
  return queued(libc, connection, "SIOCOUTQ", SIOCOUTQ);
}

/** Bytes that the runtime has not read yet; undefined once it is over. */
export function unreadBytes(
  libc: Libc,
  connection: Connection,
): number | undefined {
  return queued(libc, connection, "SIOCINQ", SIOCINQ);
}

function queued(
  libc: Libc,
  connection: Connection,
  name: string,
  request: bigint,
): number | undefined {
  const ioctl = need(libc, "ioctl");
  if (inodeOf(connection.fd) !== connection.inode) return undefined;
  const count = new Int32Array(1);
  if (ioctl(connection.fd, request, new Uint8Array(count.buffer)) === -1) {
    throw failed(libc, `ioctl ${name}`, describe(connection));
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

/** Whether the descriptor still is this connection, and has a peer. */
function isStillOpen(libc: Libc, { fd, inode }: Connection): boolean {
  return inodeOf(fd) === inode && peerOf(libc, fd) !== undefined;
}

function peerOf(libc: Libc, fd: number): Peer | undefined {
  const getpeername = need(libc, "getpeername");
  const address = new Uint8Array(SOCKET_ADDRESS_BYTES);
  const length = new Uint8Array(new Uint32Array([address.length]).buffer);
  return getpeername(fd, address, length) === 0
    ? readSocketAddress(address)
    : undefined;
}

/** The inode of a socket (proc_pid_fd(5)), undefined for all else. */
function inodeOf(fd: number): string | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return /^socket:\[(\d+)\]$/.exec(target)?.[1];
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
