/**
 * What becomes of a connection whose reply is on its way, and of who waits for that.
 * @module
 */
import {
  type Connection,
  cork,
  shutdownConnection,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Peer } from "../runtime/types.ts";
import { closeCorked } from "./close_corked.ts";
import type { Exchange } from "./exchange.ts";
import { keyOf } from "./exchanges.ts";
import { acknowledged, flushed, sleep } from "./flush.ts";

/**
 * Milliseconds from a reply while quiesced until its connection is looked after.
 * The host may freeze the machine as soon as it has that reply: whatever the agent
 * is about to do then, every fork does first. Mostly that connection left together
 * with the reply, nobody else is there, and nothing is left to be done.
 */
const LOOK_AFTER_MS = 250;

/** What the keeper lends for it. */
export interface AfterReplyOptions {
  readonly libc: Libc;
  readonly queue: Pick<DeferredQueue, "drained">;
  /** Whether the connection is to be closed. */
  readonly close: boolean;
  /** Whether connections outlive their reply, by now. */
  readonly keepAlive: () => boolean;
  readonly list: () => Connection[];
  readonly listUnix: () => Connection[];
  /** A recovery need not look for it. */
  readonly forget: (peer: Peer) => void;
  /** The exchange waits no more; may be told again. */
  readonly end: () => void;
  readonly closeIdle: (list: () => Connection[]) => Promise<unknown>;
}

/** Waits for the reply to arrive, closes, runs what was left for then. */
export async function afterReply(
  options: AfterReplyOptions,
  exchange: Exchange,
): Promise<void> {
  const { libc, queue, close, keepAlive } = options;
  const { peer } = exchange;
  try {
    // The very one: after a restore another may have the same far end.
    const own = find(options.list, peer);
    const before = acknowledged(libc, own);
    // The reply's own is one of these, and whoever else connected to a quiesced
    // guest; a prepare's settle closes those itself.
    const here = () => [
      ...(peer?.unix ? options.listUnix() : []),
      ...(keepAlive() || exchange.hasAfter ? [] : options.list()),
    ];
    const known = new Set(here().map(({ inode }) => inode));
    // A recovery need not look for it: this will.
    if (close && peer !== undefined) options.forget(peer);
    if (!keepAlive() && !exchange.hasAfter) {
      const corked = own !== undefined && cork(libc, own);
      // Then the runtime closes by itself, and nobody need look in a hurry: a
      // freeze would catch it at that.
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
    if (connection !== undefined) shutdownConnection(libc, connection);
    // Who comes later waits for its own reply, and may be a fork's host.
    const list = () => here().filter(({ inode }) => known.has(inode));
    await options.closeIdle(list);
  } finally {
    // Whatever failed: the settle that waits for this must not wait for ever.
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
