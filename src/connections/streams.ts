/**
 * The connections of replies without an end: streams of events. While the guest is quiesced, such a
 * connection stays open and is silent, and no event loop knows it: Bun wakes up 1.25 times a second
 * for each open connection that it knows. This module is loaded at the first such reply.
 * @module
 */
import {
  type Connection,
  endReading,
  inodeOf,
  shutdownConnection,
  tcpInfo,
  unacknowledgedBytes,
} from "../linux/connection.ts";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { hungUp } from "../linux/poll.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../linux/socket_constants.ts";
import type { Peer } from "../runtime/types.ts";
import { sleep } from "../util/wait.ts";
import { keyOf } from "./exchanges.ts";

/** fcntl(2): a copy of the descriptor that programs of the agent do not inherit. */
const F_DUPFD_CLOEXEC = 1030;
/** The most connections that are parked; those of further streams end. */
const MOST = 64;
/** Milliseconds for the client to acknowledge what was sent, and for the runtime to close its end. */
const LIMIT_MS = 250;
/** Milliseconds between two looks at the counters of the kernel. */
const PAUSE_MS = 5;
/** Milliseconds until the runtime has written the end of a stream. */
const LAST_CHUNK_MS = 100;
/** The last chunk of a body of unknown length (RFC 9112, 7.1). */
const LAST_CHUNK = new TextEncoder().encode("0\r\n\r\n");

/** A connection whose only descriptor is the agent's own. */
interface Parked {
  readonly fd: number;
  readonly inode: string;
}

/** Knows the streams, and parks their connections. */
export class Streams {
  readonly #libc: Libc;
  /** What ends each stream that the runtime writes, by the connection. */
  readonly #open = new Map<string, Set<() => void>>();
  /** The inodes of the connections that are being parked. */
  readonly #underWay = new Set<string>();
  #parked: Parked[] = [];

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * Begins a stream; the returned function says that it has ended. `end` ends it. Undefined if its
   * connection cannot be parked: neither a unix connection, which has no name, nor one of vsock, whose
   * host would see it.
   */
  begin(peer: Peer | undefined, end: () => void): (() => void) | undefined {
    const { fcntl, getpeername } = this.#libc;
    if (fcntl === undefined || getpeername === undefined) return undefined;
    if (peer === undefined || peer.unix || peer.cid !== undefined) {
      return undefined;
    }
    if (this.#open.size + this.#parked.length >= MOST) this.#dropHungUp();
    if (this.#open.size + this.#parked.length >= MOST) return undefined;
    const key = keyOf(peer);
    const ends = this.#open.get(key) ?? new Set();
    this.#open.set(key, ends.add(end));
    return () => {
      ends.delete(end);
      if (ends.size === 0) this.#open.delete(key);
    };
  }

  /** Whether the runtime writes a stream to this connection. */
  has(peer: Peer): boolean {
    return this.#open.has(keyOf(peer));
  }

  /** Whether the connection is parked. */
  isParked({ inode }: Connection): boolean {
    return this.#parked.some((parked) => parked.inode === inode);
  }

  /**
   * Parks the connections of the streams, if `isOver` stays false: the runtime closes its descriptor,
   * and the client sees an open connection. A connection is closed if its client does not acknowledge
   * what was sent, or if no descriptor is free. `sends` is "now" if the runtime has written nothing of
   * the reply yet.
   */
  async park(
    connections: readonly Connection[],
    isOver: () => boolean,
    sends: "now" | "before" = "before",
  ): Promise<void> {
    const own = connections.filter(({ peer, inode }) =>
      this.has(peer) && !this.#underWay.has(inode)
    );
    await Promise.all(own.map(async (connection) => {
      const { fd, inode } = connection;
      this.#underWay.add(inode);
      try {
        const isSent = await this.#isSent(connection, sends);
        if (isOver()) return;
        if (!isSent || !this.#park(connection)) return this.#end(connection);
        const end = performance.now() + LIMIT_MS;
        while (inodeOf(fd) === inode && performance.now() < end) await sleep(1);
      } finally {
        this.#underWay.delete(inode);
      }
    }));
  }

  /**
   * Ends all streams. Their clients connect again, if they still exist. Returns those of the
   * connections that the runtime is ending; they are closed in any case a moment later.
   */
  release(
    connections: Iterable<Connection>,
    onError: (error: unknown) => void,
  ): Set<Connection> {
    const last = new Set(
      [...connections].filter(({ peer }) => this.has(peer)),
    );
    for (const end of [...this.#open.values()].flatMap((ends) => [...ends])) {
      end();
    }
    if (last.size > 0) this.#closeLater(last).catch(onError);
    const parked = this.#parked.splice(0);
    const [send, close] = [
      requireSymbol(this.#libc, "send"),
      requireSymbol(this.#libc, "close"),
    ];
    for (const { fd } of parked) {
      const length = BigInt(LAST_CHUNK.length);
      send(fd, LAST_CHUNK, length, MSG_NOSIGNAL | MSG_DONTWAIT);
      close(fd);
    }
    return last;
  }

  async #closeLater(connections: Iterable<Connection>): Promise<void> {
    await sleep(LAST_CHUNK_MS);
    for (const one of connections) shutdownConnection(this.#libc, one);
  }

  /** Waits until the client has acknowledged everything; false if it does not in time. */
  async #isSent(
    connection: Connection,
    sends: "now" | "before",
  ): Promise<boolean> {
    const acked = () => tcpInfo(this.#libc, connection)?.bytesAcked ?? 0;
    const first = sends === "now" ? acked() : 0;
    const end = performance.now() + LIMIT_MS;
    for (let before = 0; performance.now() < end;) {
      const now = acked();
      const open = unacknowledgedBytes(this.#libc, connection);
      // The runtime writes head and body separately, in one turn of the event loop or in two.
      if (now > first && now === before && open === 0) return true;
      before = now;
      await sleep(PAUSE_MS);
    }
    return false;
  }

  /** False if no descriptor is free. */
  #park(connection: Connection): boolean {
    const { inode } = connection;
    const fcntl = requireSymbol(this.#libc, "fcntl");
    const fd = fcntl(connection.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return false;
    this.#parked.push({ fd, inode });
    // Sends nothing. The runtime reads the end, and closes its descriptor.
    endReading(this.#libc, connection);
    return true;
  }

  #end(connection: Connection): void {
    for (const end of [...this.#open.get(keyOf(connection.peer)) ?? []]) end();
    shutdownConnection(this.#libc, connection);
  }

  #dropHungUp(): void {
    const gone = hungUp(this.#libc, this.#parked.map(({ fd }) => fd));
    const close = requireSymbol(this.#libc, "close");
    for (const fd of gone) close(fd);
    this.#parked = this.#parked.filter(({ fd }) => !gone.includes(fd));
  }
}
