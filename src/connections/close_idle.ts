/**
 * Closes connections that wait for no reply, without taking the reply from one
 * whose request is on its way.
 * @module
 */
import {
  type Connection,
  shutdownListed,
  tcpInfo,
  unreadBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Peer } from "../runtime/types.ts";
import { sleep } from "./flush.ts";

/** From the runtime's read of a request to its handler, with some to spare. */
const ARRIVAL_MS = 2;
/** Looks at a connection that still receives, before it is closed all the same. */
const ARRIVAL_LOOKS = 5;
/**
 * From a connect to the first byte, for a caller whose CPU is taken away between
 * the two. Whoever has sent nothing for longer is idle.
 */
const FRESH_MS = 50;
/** Between two looks at connections that are only to grow old. */
const FRESH_PAUSE_MS = 10;
/** Looks at all that there was: who trickles in holds up nobody. */
const MOST_LOOKS = {
  skip: ARRIVAL_LOOKS,
  wait: FRESH_MS / ARRIVAL_MS + ARRIVAL_LOOKS,
} as const;

/** What to close, and what not. */
export interface CloseIdleOptions {
  readonly libc: Libc;
  /** The connections in question, as the kernel has them now. */
  readonly list: () => Connection[];
  /** True while a request of this connection is being answered. */
  readonly busy: (peer: Peer) => boolean;
  /** What becomes of those that are fresh: left open, or waited for. */
  readonly onNew: "skip" | "wait";
  /** Looks at one; tests give their own. */
  readonly look?: (connection: Connection) => Finding;
}

/**
 * How much a connection has received: nothing yet, so soon after its connect,
 * or more than the runtime has read, or so many bytes.
 */
export type Finding = "fresh" | "unread" | number;

interface Seen {
  readonly found: Finding;
  /** How often it was looked at since it is no longer fresh. */
  readonly looks: number;
}

/**
 * Closes what waits for no reply, idle or half sent; gives their inodes. A
 * request that is just arriving waits for one: neither the kernel nor the
 * runtime tells it from a half-sent one, but it soon becomes a request.
 *
 * Whoever connects after the first look is left alone: the machine may be frozen
 * between two looks, and what connects to a fork is its host, whose first
 * request takes longer to arrive there than these looks wait.
 */
export async function closeIdle(
  options: CloseIdleOptions,
): Promise<Set<string>> {
  const { libc, list, busy, onNew: fresh } = options;
  const look = options.look ?? ((connection) => lookAt(libc, connection));
  const closed = new Set<string>();
  let before: Map<string, Seen> | undefined;
  for (let total = 1;; total++) {
    const last = total > MOST_LOOKS[fresh];
    const now = new Map<string, Seen>();
    for (const connection of list()) {
      const { inode, peer } = connection;
      if (before?.has(inode) === false || busy(peer)) continue;
      const found = look(connection);
      if (found === "fresh" && (fresh === "skip" || !last)) {
        if (fresh === "wait") now.set(inode, { found, looks: 0 });
        continue;
      }
      const seen = before?.get(inode);
      const looks = (seen?.looks ?? 0) + 1;
      const rests = found !== "unread" && seen?.found === found;
      const waits = !rests && !last && looks <= ARRIVAL_LOOKS;
      if (waits) now.set(inode, { found, looks });
      else if (shutdownListed(libc, connection)) closed.add(inode);
    }
    if (now.size === 0) return closed;
    before = now;
    const ageing = [...now.values()].every(({ found }) => found === "fresh");
    await sleep(ageing ? FRESH_PAUSE_MS : ARRIVAL_MS);
  }
}

function lookAt(libc: Libc, connection: Connection): Finding {
  if (unreadBytes(libc, connection) > 0) return "unread";
  if (connection.peer.unix) return 0;
  const info = tcpInfo(libc, connection);
  if (info?.bytesReceived === 0 && info.lastDataReceivedMs < FRESH_MS) {
    return "fresh";
  }
  return info?.bytesReceived ?? 0;
}
