/**
 * A reply that leaves as the last thing of all: held back in the kernel while the
 * runtime ends its work on it, and sent by the very call that closes the
 * connection. Whoever freezes the machine as soon as a reply is there would
 * otherwise catch that work, and each fork would begin with it.
 * @module
 */
import {
  type Connection,
  endReading,
  isStillOpen,
  unacknowledgedBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import { sleep } from "./flush.ts";

/** Milliseconds between two looks whether the runtime has written all. */
const PAUSE_MS = 2;
/** Looks, after which the kernel is left to send by itself. */
const MOST_LOOKS = 10;

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
      ended = endReading(libc, connection);
    }
    before = bytes;
  }
  return false;
}
