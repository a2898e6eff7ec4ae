/**
 * The connections that were open when the guest was quiesced. A recovery closes them: after a restore,
 * their clients no longer exist.
 * @module
 */
import { type Connection, shutdownConnection } from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Peer } from "../runtime/types.ts";
import { isArriving } from "./arrival.ts";
import { type Exchanges, keyOf } from "./exchanges.ts";

/** How a recovery closes them. */
export interface CloseRecorded {
  readonly libc: Libc;
  readonly exchanges: Exchanges;
  /** What happens to those whose caller waits for a reply, or whose request is just arriving. */
  readonly waiting: "close" | "keep";
  /** Those that the runtime is ending. */
  readonly ending: ReadonlySet<Connection> | undefined;
}

/** What a recovery has closed and left open. */
export interface ClosedRecorded {
  /** The number of connections that were closed. */
  readonly zombies: number;
  /**
   * The inodes of those that may just be sending a request, and how many requests they had sent
   * before.
   */
  readonly arriving: ReadonlyMap<string, number>;
}

/** Remembers connections. */
export class Recorded {
  readonly #all = new Set<Connection>();

  get size(): number {
    return this.#all.size;
  }

  /** Records these connections, in place of those before. */
  record(connections: Iterable<Connection>): void {
    this.#all.clear();
    for (const connection of connections) this.#all.add(connection);
  }

  /** Forgets the connection of this peer. */
  forget(peer: Peer): void {
    if (this.#all.size === 0) return;
    const key = keyOf(peer);
    for (const connection of this.#all) {
      if (keyOf(connection.peer) === key) this.#all.delete(connection);
    }
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#all.values();
  }

  /** Closes those that still exist, and forgets all. */
  close({ libc, exchanges, waiting, ending }: CloseRecorded): ClosedRecorded {
    let zombies = 0;
    const arriving = new Map<string, number>();
    for (const connection of this.#all) {
      const { inode, peer } = connection;
      if (waiting === "keep" && exchanges.busy(peer)) continue;
      if (ending?.has(connection)) continue;
      if (waiting === "keep" && isArriving(libc, connection)) {
        arriving.set(inode, exchanges.served(peer));
      } else if (shutdownConnection(libc, connection)) zombies++;
    }
    this.#all.clear();
    return { zombies, arriving };
  }
}
