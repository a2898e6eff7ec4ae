/**
 * When a reply has arrived: by the count of the kernel, as no runtime tells.
 * @module
 */
import {
  type Connection,
  isStillOpen,
  tcpInfo,
  unacknowledgedBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Peer } from "../runtime/types.ts";

/** How long a reply may take to be acknowledged before the settle goes on. */
const FLUSH_LIMIT_MS = 250;
/** The wait for a reply's way out where no libc tells about it. */
const BLIND_FLUSH_MS = 5;

/** How many bytes the other end has acknowledged so far. */
export function acknowledged(libc: Libc, connection?: Connection): number {
  if (connection === undefined) return 0;
  return tcpInfo(libc, connection)?.bytesAcked ?? 0;
}

/**
 * Waits until the caller has the reply, for a quarter of a second at most;
 * `before` is what was {@linkcode acknowledged} on its connection before it. Gives
 * the connection, undefined if it is gone.
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
  // A timer, not a microtask: a microtask would run before the write.
  await sleep(blind ? BLIND_FLUSH_MS : 0);
  // The reader of a unix socket takes the bytes themselves: nothing is lost.
  if (peer?.unix) return undefined;
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

/** Resolves after so many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
