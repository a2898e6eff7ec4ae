/**
 * The sockets that the agent listens on.
 * @module
 */
import { descriptorsOn } from "./connections.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";
import {
  IPPROTO_TCP,
  SO_ACCEPTCONN,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
} from "./socket_constants.ts";

/** TCP_DEFER_ACCEPT in seconds: 0 switches it off. */
const SHOW_SECONDS = 0;
/** TCP_DEFER_ACCEPT in seconds: longer than the leases that hosts use. The kernel limits it. */
const HIDE_SECONDS = 3600;

/** Lists this process's sockets that listen on the ports. Empty without a C library. */
export function listenersOn(
  libc: Libc,
  ports: readonly number[],
): readonly number[] {
  if (libc.setsockopt === undefined) return [];
  return descriptorsOn(libc, ...ports).filter((fd) => isListening(libc, fd));
}

/**
 * Lets the runtime accept connections that send nothing. Bun sets TCP_DEFER_ACCEPT (tcp(7)), which
 * keeps such connections inside the kernel: no list of descriptors contains them, and a snapshot
 * keeps them. Throws if the kernel refuses.
 */
export function showUnsentConnections(
  libc: Libc,
  listeners: readonly number[],
): void {
  deferAccept(libc, listeners, SHOW_SECONDS);
}

/**
 * Keeps new connections that send nothing inside the kernel: Bun wakes once a second for each open
 * connection. The opposite of {@linkcode showUnsentConnections}. Connections that were accepted
 * before stay open.
 */
export function hideUnsentConnections(
  libc: Libc,
  listeners: readonly number[],
): void {
  deferAccept(libc, listeners, HIDE_SECONDS);
}

function deferAccept(
  libc: Libc,
  listeners: readonly number[],
  seconds: number,
): void {
  const value = new Uint8Array(new Int32Array([seconds]).buffer);
  for (const fd of listeners) {
    const setsockopt = requireSymbol(libc.setsockopt, "setsockopt");
    const size = value.length;
    if (setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, value, size) !== -1) {
      continue;
    }
    const error = lastError(
      libc,
      "set TCP_DEFER_ACCEPT on",
      `listening socket ${fd}`,
    );
    // Deno closes its listening socket if no descriptor is free: no client connects to it then.
    if (isListening(libc, fd)) throw error;
  }
}

function isListening(libc: Libc, fd: number): boolean {
  const value = new Uint8Array(4);
  const length = new Uint8Array(new Uint32Array([value.length]).buffer);
  const getsockopt = requireSymbol(libc.getsockopt, "getsockopt");
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, length) === 0 &&
    value[0] === 1;
}
