/**
 * The socket that the agent listens on.
 * @module
 */
import { descriptorsOn } from "./connections.ts";
import { failed, type Libc, need } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const IPPROTO_TCP = 6;
const TCP_DEFER_ACCEPT = 9;

/** While hidden: longer than any lease that hosts use; the kernel caps it. */
const HIDE_SECONDS = 3600;

/**
 * Makes connections that send nothing visible: Bun sets TCP_DEFER_ACCEPT
 * (tcp(7)), which keeps them inside the kernel, where no walk over descriptors
 * finds them and a snapshot carries them along. Gives back how many sockets
 * listen on the port, 0 where there is no libc to ask. Fails where the kernel
 * refuses.
 */
export function showUnsentConnections(libc: Libc, port: number): number {
  return deferAccept(libc, port, 0);
}

/**
 * Keeps connections that send nothing inside the kernel, where they wake
 * nobody: an open one costs Bun a wakeup a second. The opposite of
 * {@linkcode showUnsentConnections}; those that are visible stay so.
 */
export function hideUnsentConnections(libc: Libc, port: number): number {
  return deferAccept(libc, port, HIDE_SECONDS);
}

function deferAccept(libc: Libc, port: number, seconds: number): number {
  const { setsockopt } = libc;
  if (setsockopt === undefined) return 0;
  const sockets = descriptorsOn(libc, port).filter((fd) =>
    isListening(libc, fd)
  );
  const value = new Uint8Array(new Uint32Array([seconds]).buffer);
  for (const fd of sockets) {
    const size = value.length;
    if (setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, value, size) === -1) {
      throw failed(libc, "set TCP_DEFER_ACCEPT on", `port ${port}`);
    }
  }
  return sockets.length;
}

function isListening(libc: Libc, fd: number): boolean {
  const value = new Uint8Array(4);
  const length = new Uint8Array(new Uint32Array([value.length]).buffer);
  const getsockopt = need(libc, "getsockopt");
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, length) === 0 &&
    value[0] === 1;
}
