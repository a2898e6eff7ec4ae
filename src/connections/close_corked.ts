/**
 * Sends a reply with the call that closes its connection. Until then the kernel holds the reply
 * back (corked, see tcp(7)) while the runtime finishes its work on it. A host may freeze the machine
 * as soon as it has the reply: without the cork, the freeze would interrupt that work, and each
 * fork would begin with the rest of it.
 * @module
 */
import {
  type Connection,
  endReading,
  isStillOpen,
  unacknowledgedBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import { sleep } from "../util/wait.ts";

/** Milliseconds between two checks whether the runtime has written the whole reply. */
const PAUSE_MS = 2;
/** The number of checks after which the kernel sends the reply by itself. */
const MOST_LOOKS = 10;

/**
 * Waits until the runtime has closed a corked connection. As soon as the kernel has the whole reply,
 * the reading side is shut down: this sends nothing, and makes a runtime that would keep the
 * connection open close it. False if the connection is still open.
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
    // The runtime writes head and body separately, in one turn of the event loop or in two.
    if (bytes > 0 && bytes === before && !ended) {
      ended = endReading(libc, connection);
    }
    before = bytes;
  }
  return false;
}
