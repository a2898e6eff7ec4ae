/**
 * Closes connections that wait for no reply, but not connections whose request is just arriving.
 * @module
 */
import { type Connection, shutdownListed } from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Peer } from "../runtime/types.ts";
import { sleep } from "../util/wait.ts";
import { type Finding, FRESH_MS, lookAt } from "./arrival.ts";

/** Milliseconds from the runtime's read of a request to the call of its handler, with a margin. */
const ARRIVAL_MS = 2;
/** The number of looks at a connection whose requests are all answered, and that still receives. */
const ARRIVAL_LOOKS = 5;
/** Milliseconds between two looks if all remaining connections are fresh. */
const FRESH_PAUSE_MS = 10;
/**
 * The total number of looks. As many are for bytes that the runtime has not read, and for those that
 * are read and not answered: on a busy machine, a runtime with many connections needs more than a few
 * turns to read a request and to call its handler.
 */
const MOST_LOOKS = FRESH_MS / ARRIVAL_MS + ARRIVAL_LOOKS;

/** Which connections to close. */
export interface CloseIdleOptions {
  readonly libc: Libc;
  /** Lists the connections that may be closed, as the kernel has them now. */
  readonly list: () => Connection[];
  /** True while a request of this connection is being answered. */
  readonly busy: (peer: Peer) => boolean;
  /** What happens to a fresh connection: it stays open, or the call waits for its request. */
  readonly onFresh: "skip" | "wait";
  /** Looks at one connection; tests replace it. */
  readonly look?: (connection: Connection) => Finding;
}

interface Seen {
  readonly found: Finding;
  /** The number of looks that found nothing under way. */
  readonly looks: number;
}

/**
 * Closes the connections that wait for no reply, those with half a request too, and returns their
 * inodes. A request that is just arriving gets its reply: neither the kernel nor the runtime
 * distinguishes it from half a request, so it gets some looks to become complete, also after the
 * runtime has read it.
 *
 * A connection that is opened after the first look stays open. The machine may be frozen between
 * two looks: then a new connection comes from the host of the fork, and its first request takes
 * longer to arrive than these looks last.
 */
export async function closeIdle(
  options: CloseIdleOptions,
): Promise<Set<string>> {
  const { libc, list, busy, onFresh } = options;
  const look = options.look ?? ((connection) => lookAt(libc, connection));
  const closed = new Set<string>();
  let before: Map<string, Seen> | undefined;
  for (let total = 1;; total++) {
    const last = total > MOST_LOOKS;
    const now = new Map<string, Seen>();
    for (const connection of list()) {
      const { inode, peer } = connection;
      if (before?.has(inode) === false || busy(peer)) continue;
      const seen = before?.get(inode);
      const found = since(seen?.found, look(connection));
      if (found === "fresh" && (onFresh === "skip" || !last)) {
        if (onFresh === "wait") now.set(inode, { found, looks: 0 });
        continue;
      }
      const arrives = found === "unread" || found === "unanswered";
      const looks = (seen?.looks ?? 0) + (arrives ? 0 : 1);
      const rests = seen?.found === found || looks > ARRIVAL_LOOKS;
      const waits = !last && (arrives || !rests);
      if (waits) now.set(inode, { found, looks });
      else if (shutdownListed(libc, connection)) closed.add(inode);
    }
    if (now.size === 0) return closed;
    before = now;
    const ageing = [...now.values()].every(({ found }) => found === "fresh");
    await sleep(ageing ? FRESH_PAUSE_MS : ARRIVAL_MS);
  }
}

/** The second finding. What was unread before is unanswered, even if it is old or not counted. */
function since(first: Finding | undefined, second: Finding): Finding {
  const arrives = first === "unread" || first === "unanswered";
  const unknown = second === "uncounted" || second === "half";
  return arrives && unknown ? "unanswered" : second;
}
