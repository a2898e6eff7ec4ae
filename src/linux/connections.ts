/**
 * The agent's own connections, as the kernel has them. The runtimes' own books
 * miss connections (half-open ones, ones that never sent a byte) and keep dead
 * ones; descriptors do not lie.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import type { Peer } from "../runtime/types.ts";
import {
  ADDRESS,
  type Connection,
  hasPeer,
  inodeOf,
  room,
} from "./connection.ts";
import type { Libc } from "./libc.ts";
import { readPort, readSocketAddress, readUnixPath } from "./socket_address.ts";

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
 * than to read the directory of thousands at once. Where no descriptor is left to
 * ask with, all that the limit allows are open.
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

function peerOf(libc: Libc, fd: number): Peer | undefined {
  return hasPeer(libc, fd) ? readSocketAddress(ADDRESS) : undefined;
}
