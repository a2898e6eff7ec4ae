/**
 * The socket that the agent listens on.
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

/** Seconds as the kernel takes them: an int. Made once, as a recovery's caller waits. */
const SHOW = secondsOf(0);
/** Longer than any lease that hosts use; the kernel caps it. */
const HIDE = secondsOf(3600);

/** This process's sockets that listen on the ports; none without a libc. */
export function listenersOn(
  libc: Libc,
  ports: readonly number[],
): readonly number[] {
  if (libc.setsockopt === undefined) return [];
  return descriptorsOn(libc, ...ports).filter((fd) => isListening(libc, fd));
}

/**
 * Makes connections that send nothing visible: Bun sets TCP_DEFER_ACCEPT
 * (tcp(7)), which keeps them inside the kernel, where no walk over descriptors
 * finds them and a snapshot carries them along. Fails where the kernel refuses.
 */
export function showUnsentConnections(
  libc: Libc,
  listeners: readonly number[],
): void {
  deferAccept(libc, listeners, SHOW);
}

/**
 * Keeps connections that send nothing inside the kernel, where they wake
 * nobody: an open one costs Bun a wakeup a second. The opposite of
 * {@linkcode showUnsentConnections}; those that are visible stay so.
 */
export function hideUnsentConnections(
  libc: Libc,
  listeners: readonly number[],
): void {
  deferAccept(libc, listeners, HIDE);
}

function deferAccept(
  libc: Libc,
  listeners: readonly number[],
  value: Uint8Array,
): void {
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
    // Where Deno had no descriptor left it has closed it: nobody comes by it.
    if (isListening(libc, fd)) throw error;
  }
}

function secondsOf(seconds: number): Uint8Array {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, seconds, true);
  return value;
}

function isListening(libc: Libc, fd: number): boolean {
  const value = new Uint8Array(4);
  const length = new Uint8Array(new Uint32Array([value.length]).buffer);
  const getsockopt = requireSymbol(libc.getsockopt, "getsockopt");
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, length) === 0 &&
    value[0] === 1;
}
