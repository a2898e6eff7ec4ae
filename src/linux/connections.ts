/**
 * Lists the agent's own connections by the descriptors of this process. The lists of the runtimes
 * are incomplete: they miss half-open connections and connections that never sent a byte, and they
 * keep connections that have ended.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import type { Peer } from "../runtime/types.ts";
import { ADDRESS, addressLength } from "./address_buffer.ts";
import { type Connection, hasPeer, inodeOf } from "./connection.ts";
import type { Libc } from "./libc.ts";
import {
  readPort,
  readSocketAddress,
  readUnixPath,
  readVsockName,
} from "./socket_address.ts";

/** A port, the path of a unix socket, or `vsock:PORT`. */
type Name = number | string;

/**
 * Lists all connections that this process accepted on these ports and unix sockets, including
 * connections that sent nothing (see `hideUnsentConnections`). Empty without a C library. Listening
 * sockets and connections that were reset have no peer and are not listed.
 */
export function listConnections(
  libc: Libc,
  names: readonly Name[],
): Connection[] {
  if (libc.getpeername === undefined) return [];
  return descriptorsOn(libc, names).flatMap((fd) =>
    connectionOf(libc, fd) ?? []
  );
}

/**
 * Lists the descriptors of this process's sockets that are bound to these ports and paths. Empty
 * without a C library.
 */
export function descriptorsOn(libc: Libc, names: readonly Name[]): number[] {
  if (libc.getsockname === undefined || names.length === 0) return [];
  return readdirSync("/proc/self/fd").map(Number)
    .filter((fd) => isOn(libc, fd, names));
}

/** Whether the descriptor is a socket that is bound to one of these ports and paths. */
export function isOn(
  libc: Libc,
  fd: number,
  names: readonly Name[],
): boolean {
  // Not 0: the descriptor is no socket, or it was closed, like the one that read the directory.
  if (libc.getsockname?.(fd, ADDRESS, addressLength()) !== 0) return false;
  const name = readPort(ADDRESS) ?? readUnixPath(ADDRESS) ??
    readVsockName(ADDRESS);
  return name !== undefined && names.includes(name);
}

/**
 * Returns the accepted connection on that descriptor; undefined if there is none or it has ended.
 * The peer on a unix socket has no name, so only inode and descriptor identify the connection.
 */
export function connectionOf(libc: Libc, fd: number): Connection | undefined {
  if (!hasPeer(libc, fd)) return undefined;
  const peer = readSocketAddress(ADDRESS) ?? UNIX_PEER;
  const inode = inodeOf(fd);
  return inode === undefined ? undefined : { fd, inode, peer };
}

/** The peer of every unix connection in the list. */
export const UNIX_PEER: Peer = { address: "unix", port: 0, unix: true };

/**
 * Returns a number above every open descriptor: the size of the kernel's table (FDSize in
 * proc_pid_status(5)). Trying all numbers, a few at a time, costs less than reading a directory of
 * thousands of descriptors at once. If no descriptor is free for this read, all descriptors up to
 * the limit are open.
 */
export function descriptorsEnd(limit: number | undefined): number {
  let status: string;
  try {
    status = readFileSync("/proc/self/status", "latin1");
  } catch (error) {
    const starved = hasCode(error, "EMFILE");
    if (starved && limit !== undefined) return limit;
    throw error;
  }
  const found = /^FDSize:\s+(\d+)$/m.exec(status);
  if (found === null) {
    throw new Error("Cannot find FDSize in /proc/self/status");
  }
  return Number(found[1]);
}
