/**
 * Closes connections that wait for no reply, but not connections whose request is just arriving.
 * @module
 */
import {
  type Connection,
  shutdownListed,
  tcpInfo,
  unreadBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { TcpInfo } from "../linux/tcp_info.ts";
import type { Peer } from "../runtime/types.ts";
import { sleep } from "../util/wait.ts";

/** Milliseconds from the runtime's read of a request to the call of its handler, with a margin. */
const ARRIVAL_MS = 2;
/**
 * The number of looks at a connection that still receives, after which it is closed: a client that
 * sends its request byte by byte delays no prepare.
 */
const ARRIVAL_LOOKS = 5;
/**
 * Milliseconds from a connect to the first byte, for a caller that loses its CPU between the two, and
 * from a byte to the call of the handler, for an agent that loses its CPU. A connection that has sent
 * nothing for longer is idle.
 */
const FRESH_MS = 50;
/** Milliseconds between two looks if all remaining connections are fresh. */
const FRESH_PAUSE_MS = 10;
/**
 * The total number of looks. As many are for bytes that the runtime has not read: on a busy machine,
 * a runtime with many connections needs more than a few turns to read a request.
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

/**
 * What a connection has received: more than the runtime has read ("unread"); or this number of bytes,
 * all of them read. "fresh" if the connect or the last byte was a short time ago, and nothing was sent
 * since then: a request may be arriving.
 */
export type Finding = "fresh" | "unread" | number;

interface Seen {
  readonly found: Finding;
  /** The number of looks that found all bytes read. */
  readonly looks: number;
}

/**
 * Closes the connections that wait for no reply, those with half a request too, and returns their
 * inodes. A request that is just arriving gets its reply: neither the kernel nor the runtime
 * distinguishes it from half a request, so it gets a few looks to become complete once the runtime
 * has read it.
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
      const found = look(connection);
      if (found === "fresh" && (onFresh === "skip" || !last)) {
        if (onFresh === "wait") now.set(inode, { found, looks: 0 });
        continue;
      }
      const seen = before?.get(inode);
      const looks = (seen?.looks ?? 0) + (found === "unread" ? 0 : 1);
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
  // These sockets do not count what they received.
  if (connection.peer.unix || connection.peer.cid !== undefined) return 0;
  const info = tcpInfo(libc, connection);
  if (info === undefined) return 0;
  const { bytesReceived = 0, lastDataReceivedMs = FRESH_MS } = info;
  const isFresh = lastDataReceivedMs < FRESH_MS && !isAnswered(info);
  return isFresh ? "fresh" : bytesReceived;
}

/** Whether the agent has sent something since it received the last byte. */
function isAnswered(info: TcpInfo): boolean {
  const { bytesAcked = 0, unacked = 0 } = info;
  if (bytesAcked === 0 && unacked === 0) return false;
  const { lastDataSentMs = 0, lastDataReceivedMs = 0 } = info;
  return lastDataSentMs <= lastDataReceivedMs;
}
