/**
 * Finds out when a reply has arrived at its caller. No runtime tells, so this asks the kernel for the
 * number of acknowledged bytes.
 * @module
 */
import {
  type Connection,
  isStillOpen,
  tcpInfo,
  unacknowledgedBytes,
  unsentBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Peer } from "../runtime/types.ts";
import { sleep } from "../util/wait.ts";

/** Milliseconds that a caller may take to acknowledge a reply; then the settle continues. */
const FLUSH_LIMIT_MS = 250;
/** Milliseconds to wait for a reply if there is no C library to ask the kernel. */
const BLIND_FLUSH_MS = 5;
/** Turns of the event loop in which a reply on vsock passes the relay to its socket. */
const RELAY_TURNS = 5;

/** The number of bytes that the far end of the connection has acknowledged. */
export function acknowledged(libc: Libc, connection?: Connection): number {
  if (connection === undefined || connection.peer.cid !== undefined) return 0;
  return tcpInfo(libc, connection)?.bytesAcked ?? 0;
}

/**
 * Waits until the caller has the reply, for a quarter of a second at most. `before` is the number of
 * bytes that were {@linkcode acknowledged} before the reply. Returns the connection, or undefined if
 * the connection is closed.
 */
export async function flushed(
  libc: Libc,
  peer: Peer | undefined,
  connection: Connection | undefined,
  before: number,
): Promise<Connection | undefined> {
  const end = performance.now() + FLUSH_LIMIT_MS;
  const blind = libc.getpeername === undefined || peer === undefined ||
    peer.unix;
  // A microtask would run before the runtime writes the reply; a timer runs after it.
  await sleep(blind ? BLIND_FLUSH_MS : 0);
  // A close of a unix socket loses no bytes: the reader can still read them.
  if (peer?.unix) return undefined;
  if (connection?.peer.cid !== undefined) {
    return await vsockFlushed(libc, connection, end);
  }
  for (let pause = 1;; pause = Math.min(pause * 2, 16)) {
    if (connection === undefined || !isStillOpen(libc, connection)) {
      return undefined;
    }
    const acked = tcpInfo(libc, connection)?.bytesAcked ?? before;
    if (acked > before && unacknowledgedBytes(libc, connection) === 0) {
      return connection;
    }
    if (performance.now() > end) return connection;
    await sleep(pause);
  }
}

/** As {@linkcode flushed}; vsock has no counter of acknowledged bytes, only one of unsent ones. */
async function vsockFlushed(
  libc: Libc,
  connection: Connection,
  end: number,
): Promise<Connection | undefined> {
  for (let turn = 0; turn < RELAY_TURNS; turn++) await sleep(1);
  while (isStillOpen(libc, connection)) {
    if (unsentBytes(libc, connection) === 0 || performance.now() > end) {
      return connection;
    }
    await sleep(1);
  }
  return undefined;
}
