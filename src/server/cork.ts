/**
 * A reply that leaves as the last thing of all: held back in the kernel while the
 * runtime ends its work on it, and sent by the very call that closes the
 * connection. Whoever freezes the machine as soon as a reply is there would
 * otherwise catch that work, and each fork would begin with it.
 * @module
 */
import {
  type Connection,
  isStillOpen,
  unacknowledgedBytes,
} from "../linux/connections.ts";
import { type Libc, need } from "../linux/libc.ts";
import { sleep } from "./flush.ts";

// tcp(7), netinet/tcp.h, shutdown(2)
const IPPROTO_TCP = 6;
const TCP_CORK = 3;
const ON = Uint8Array.of(1, 0, 0, 0);
const SHUT_RD = 0;

/** Milliseconds between two looks whether the runtime has written all. */
const PAUSE_MS = 2;
/** Looks, after which the kernel is left to send by itself. */
const MOST_LOOKS = 10;

/**
 * Keeps back what is written next, until the connection is closed or a packet is
 * full; the kernel sends it after 200 ms at the latest (tcp(7), TCP_CORK). False
 * where it will not be kept.
 */
export function cork(libc: Libc, { fd }: Connection): boolean {
  return libc.setsockopt?.(fd, IPPROTO_TCP, TCP_CORK, ON, ON.length) === 0;
}

/**
 * Waits for the runtime to close a connection that was corked; where it would keep
 * it open, has it read the end of its caller's words, which sends nothing, once
 * the reply lies with the kernel. False if it is still open.
 */
export async function closeCorked(
  libc: Libc,
  connection: Connection,
): Promise<boolean> {
  let before = 0;
  let ended = false;
  for (let look = 0; look < MOST_LOOKS; look++) {
    await sleep(look === 0 || ended ? 0 : PAUSE_MS);
    if (!isStillOpen(libc, connection)) return true;
    const bytes = unacknowledgedBytes(libc, connection) ?? 0;
    // Head and body are written apart, in one turn of the loop or in two.
    if (bytes > 0 && bytes === before && !ended) {
      ended = need(libc, "shutdown")(connection.fd, SHUT_RD) === 0;
    }
    before = bytes;
  }
  return false;
}
