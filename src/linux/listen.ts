/**
 * The sockets that the agent listens on.
 * @module
 */
import { descriptorsOn } from "./connections.ts";
import { lastError, type Libc } from "./libc.ts";
import {
  IPPROTO_TCP,
  SO_ACCEPTCONN,
  SOL_SOCKET,
  TCP_DEFER_ACCEPT,
} from "./socket_constants.ts";
import { setSocketOption, socketOption } from "./socket_option.ts";

/** TCP_DEFER_ACCEPT in seconds: longer than the leases that hosts use. The kernel limits it. */
const HIDE_SECONDS = 3600;

/** Lists this process's sockets that listen on the ports. Empty without a C library. */
export function listenersOn(
  libc: Libc,
  ports: readonly number[],
): readonly number[] {
  if (libc.setsockopt === undefined) return [];
  return descriptorsOn(libc, ports).filter((fd) => isListening(libc, fd));
}

/**
 * Keeps new connections that send nothing inside the kernel, because Bun wakes once a second for
 * each open connection; with `hide` false, lets the runtime accept them. Bun sets TCP_DEFER_ACCEPT
 * (tcp(7)), which hides such connections: no list of descriptors contains them, and a snapshot keeps
 * them. Connections that were accepted before stay open. Throws if the kernel refuses.
 */
export function hideUnsentConnections(
  libc: Libc,
  listeners: readonly number[],
  hide: boolean,
): void {
  const seconds = hide ? HIDE_SECONDS : 0;
  for (const fd of listeners) {
    if (setSocketOption(libc, fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds)) {
      continue;
    }
    const on = `listening socket ${fd}`;
    const error = lastError(libc, "set TCP_DEFER_ACCEPT on", on);
    // Deno closes its listening socket if no descriptor is free: no client connects to it then.
    if (isListening(libc, fd)) throw error;
  }
}

function isListening(libc: Libc, fd: number): boolean {
  return socketOption(libc, fd, SOL_SOCKET, SO_ACCEPTCONN, 4)?.[0] === 1;
}
