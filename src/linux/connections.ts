/**
 * Lists the agent's own connections by the descriptors of this process. The lists of the runtimes
 * are incomplete: they miss half-open connections and connections that never sent a byte, and they
 * keep connections that have ended.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import type { Peer } from "../runtime/types.ts";
import {
  ADDRESS,
  addressLength,
  type Connection,
  hasPeer,
  inodeOf,
} from "./connection.ts";
import type { Libc } from "./libc.ts";
import { readPort, readSocketAddress, readUnixPath } from "./socket_address.ts";

/**
 * Lists all connections that this process accepted on the ports, including connections that sent
 * nothing (see `showUnsentConnections`). Empty without a C library. Listening sockets and
 * connections that were reset have no peer and are not listed.
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
  if (libc.getsockname?.(fd, ADDRESS, addressLength()) !== 0) return false;
  const port = readPort(ADDRESS);
  return port !== undefined && ports.includes(port);
}

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
  const [, found] = status.split("\nFDSize:");
  if (found === undefined) {
    throw new Error("Cannot find FDSize in /proc/self/status");
  }
  return parseInt(found, 10);
}

/**
 * Returns the accepted connection on that descriptor; undefined if there is none or it has ended.
 */
export function connectionOf(libc: Libc, fd: number): Connection | undefined {
  const peer = peerOf(libc, fd);
  const inode = peer === undefined ? undefined : inodeOf(fd);
  if (peer === undefined || inode === undefined) return undefined;
  return { fd, inode, peer };
}

/**
 * Lists the descriptors of this process's IP sockets that are bound to the ports. Empty without a C
 * library.
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
 * Lists the connections that this process accepted on unix sockets of these paths. Their peers have
 * no names, so only the inode and the descriptor identify a connection.
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
    // -1: the descriptor is no socket, or it was closed, like the one that read the directory
    return getsockname(fd, ADDRESS, addressLength()) === 0 && isOurs(ADDRESS);
  });
}

function peerOf(libc: Libc, fd: number): Peer | undefined {
  return hasPeer(libc, fd) ? readSocketAddress(ADDRESS) : undefined;
}
