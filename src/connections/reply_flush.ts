/**
 * Waits until a reply has arrived, closes its connection if needed, and runs the actions that wait
 * for the reply.
 * @module
 */
import {
  type Connection,
  cork,
  shutdownConnection,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import { sleep } from "../util/wait.ts";
import type { Peer } from "../runtime/types.ts";
import { closeCorked } from "./close_corked.ts";
import type { Exchange } from "./exchange.ts";
import { keyOf } from "./exchanges.ts";
import { acknowledged, flushed } from "./flush.ts";
import type { Listening } from "./listening.ts";

/**
 * Milliseconds from a reply in the quiesced state until the agent checks the connection. The host may
 * freeze the machine as soon as it has the reply, and every fork would begin with the work that was
 * under way. If the connection was closed together with the reply, and there is no other
 * connection, nothing is left to do.
 */
const LOOK_AFTER_MS = 250;

/** What the tracker provides. */
export interface AfterReplyOptions {
  readonly libc: Libc;
  readonly queue: Pick<DeferredQueue, "drained">;
  /** Whether to close the connection. */
  readonly close: boolean;
  /** Whether connections stay open after their reply, now. */
  readonly keepAlive: () => boolean;
  readonly list: (kinds: readonly (keyof Listening)[]) => Connection[];
  /** Removes the connection from those that a recovery closes. */
  readonly forget: (peer: Peer) => void;
  /** Ends the exchange; may be called again. */
  readonly end: () => void;
  readonly closeIdle: (list: () => Connection[]) => Promise<unknown>;
}

/** Waits until the reply has arrived, closes the connection, runs the actions of the exchange. */
export async function afterReply(
  options: AfterReplyOptions,
  exchange: Exchange,
): Promise<void> {
  const { libc, queue, close, keepAlive } = options;
  const { peer } = exchange;
  // The caller closes a vsock connection of a quiesced guest: a close by the guest in the last
  // moments before a freeze has made vsock devices of hypervisors hang. A restore resets it.
  const isLeft = peer?.cid !== undefined && !keepAlive();
  try {
    if (isLeft && !exchange.hasAfter) return;
    // Found now: after a restore another connection may have the same far end.
    const kind = peer?.cid === undefined ? "ports" : "vsock";
    const own = find(() => options.list([kind]), peer);
    const before = acknowledged(libc, own);
    // The connection of this reply, and the others that were opened while the guest is quiesced. A
    // prepare's own settle closes those.
    const here = () =>
      options.list([
        ...peer?.unix ? ["paths"] as const : [],
        ...keepAlive() || exchange.hasAfter ? [] : ["ports"] as const,
      ]);
    const known = new Set(here().map(({ inode }) => inode));
    // This function closes the connection, so that a recovery need not.
    if (close && peer !== undefined && !isLeft) options.forget(peer);
    if (!keepAlive() && !exchange.hasAfter) {
      const corked = own !== undefined && cork(libc, own);
      // The runtime closes this connection by itself. A check right now would run during a freeze.
      if (corked && exchange.callerCloses) await queue.drained();
      const gone = corked && await closeCorked(libc, own);
      if (gone) {
        known.delete(own.inode);
        if (known.size === 0) return;
      }
      await sleep(LOOK_AFTER_MS);
    }
    const connection = await flushed(libc, peer, own, before);
    options.end();
    if (!close) return;
    if (connection !== undefined && !isLeft) {
      shutdownConnection(libc, connection);
    }
    // A connection that is opened later waits for its own reply, and may be that of a fork's host.
    const list = () => here().filter(({ inode }) => known.has(inode));
    await options.closeIdle(list);
  } finally {
    // After an error too: the settle waits for this.
    options.end();
    exchange.replied();
  }
}

function find(
  list: () => Connection[],
  peer: Peer | undefined,
): Connection | undefined {
  if (peer === undefined) return undefined;
  const key = keyOf(peer);
  return list().find((connection) => keyOf(connection.peer) === key);
}
