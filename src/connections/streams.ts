/**
 * The connections of replies without an end: streams of events. While the guest is quiesced, such a
 * connection stays open and is silent, and wakes no event loop: Bun wakes up 1.25 times a second for
 * each open connection that it knows. This module is loaded at the first such reply.
 * @module
 */
import {
  type Connection,
  inodeOf,
  isStillOpen,
  shutdownConnection,
  tcpInfo,
  unacknowledgedBytes,
  unsentBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import type { Peer } from "../runtime/types.ts";
import { sleep } from "../util/wait.ts";
import type { Listening } from "./listening.ts";
import { Parked, type ParkedConnection } from "./parked.ts";
import { type EndStream, StreamEnds } from "./stream_ends.ts";
import {
  LAST_CHUNK_MS,
  LIMIT_MS,
  PAUSE_MS,
  WRITE_TURNS,
} from "./stream_times.ts";
import { UnixStreams } from "./unix_streams.ts";

/** The most connections that are kept; those of further streams end. */
const MOST = 64;

/** What the streams need. */
export interface StreamsOptions {
  readonly libc: Libc;
  /** Lists the connections of these kinds. */
  readonly list: (kinds: readonly (keyof Listening)[]) => Connection[];
  /** Whether a request over any unix connection is under way. */
  readonly isUnixBusy: () => boolean;
  /** As `wakesForConnections` of the runtime; by default true. */
  readonly wakesForConnections?: boolean;
  /** As `letGo` of the servers; by default, none can. */
  readonly letGo?: (fd: number) => boolean;
}

/** Knows the streams, and parks their connections. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #ends = new StreamEnds();
  /** The inodes of the connections that are being parked. */
  readonly #underWay = new Set<string>();
  readonly #parked: Parked;
  readonly #unix: UnixStreams;

  constructor(options: StreamsOptions) {
    this.#options = options;
    const { libc, list, isUnixBusy, letGo = () => false } = options;
    const parked = this.#parked = new Parked(libc, letGo);
    this.#unix = new UnixStreams({
      ...{ libc, parked, ends: this.#ends, isBusy: isUnixBusy },
      list: () => list(["paths"]),
    });
  }

  /**
   * Begins a stream; the returned function says that it has ended. `end` ends it. Undefined if its
   * connection cannot be kept.
   */
  begin(peer: Peer | undefined, end: EndStream): (() => void) | undefined {
    const { libc: { fcntl, getpeername } } = this.#options;
    if (fcntl === undefined || getpeername === undefined) return undefined;
    if (peer === undefined) return undefined;
    if (this.#size >= MOST) this.#parked.dropHungUp();
    if (this.#size >= MOST) return undefined;
    if (peer.unix && !this.#staysKnown(peer)) this.#unix.begin();
    return this.#ends.add(peer, end);
  }

  /** Whether the runtime writes a stream to this connection; of unix connections, to any. */
  has(peer: Peer): boolean {
    return this.#ends.of(peer).length > 0;
  }

  /** Whether the connection is parked. */
  isParked({ inode }: Connection): boolean {
    return this.#parked.has(inode);
  }

  /**
   * Parks the connections of the streams, if `isOver` stays false: the runtime closes its descriptor,
   * and the client sees an open connection. A stream ends if its client does not acknowledge what was
   * sent, or if no descriptor is free. `sends` is "now" if the runtime has written nothing of the
   * reply yet.
   */
  async park(
    isOver: () => boolean,
    sends: "now" | "before" = "before",
  ): Promise<void> {
    const own = this.#options.list(["ports", "vsock"]).filter(
      ({ peer, inode }) =>
        this.has(peer) && !this.#staysKnown(peer) && !this.#underWay.has(inode),
    );
    const keepsUnix = this.#options.wakesForConnections === false;
    await Promise.all([
      keepsUnix ? undefined : this.#unix.park(isOver, sends === "before"),
      ...own.map(async (connection) => {
        const { inode } = connection;
        this.#underWay.add(inode);
        try {
          await this.#parkOne(connection, isOver, sends);
        } finally {
          this.#underWay.delete(inode);
        }
      }),
    ]);
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
    for (const end of this.#ends.all) end();
    if (last.size > 0) this.#closeLater(last).catch(onError);
    this.#parked.release();
    return last;
  }

  get #size(): number {
    return this.#ends.all.length + this.#parked.size;
  }

  /**
   * Whether the runtime keeps its descriptor in a quiesced guest, because an open connection does not
   * wake it. TCP connections are parked nevertheless: the runtime of a fork has none of them.
   */
  #staysKnown({ unix, cid }: Peer): boolean {
    return this.#options.wakesForConnections === false &&
      (unix === true || cid !== undefined);
  }

  async #closeLater(connections: Iterable<Connection>): Promise<void> {
    await sleep(LAST_CHUNK_MS);
    for (const one of connections) {
      shutdownConnection(this.#options.libc, one);
    }
  }

  async #parkOne(
    connection: Connection,
    isOver: () => boolean,
    sends: "now" | "before",
  ): Promise<void> {
    const { fd, inode, peer } = connection;
    const isSent = await this.#isSent(connection, isOver, sends);
    if (isOver()) return;
    const own = isSent ? this.#parked.add(connection) : undefined;
    if (own === undefined) {
      for (const end of this.#ends.of(peer)) end("later");
      // The caller closes a vsock connection of a quiesced guest.
      if (peer.cid === undefined) await this.#closeLater([connection]);
      return;
    }
    const before = this.#written(connection, own);
    const end = performance.now() + LIMIT_MS;
    while (inodeOf(fd) === inode && performance.now() < end) await sleep(1);
    if (!isOver()) own.isStream = true;
    // A recovery has ended the stream: the runtime has perhaps written its end.
    else if (this.#written(connection, own) > before) this.#parked.drop(own);
    else this.#parked.end(own);
  }

  /** The bytes that were written to a parked connection; 0 on vsock, whose server lets go at once. */
  #written(connection: Connection, { fd }: ParkedConnection): number {
    if (connection.peer.cid !== undefined) return 0;
    const { libc } = this.#options;
    const own = { ...connection, fd };
    return (tcpInfo(libc, own)?.bytesAcked ?? 0) +
      (unacknowledgedBytes(libc, own) ?? 0);
  }

  /** Waits until the client has acknowledged everything; false if it does not in time. */
  async #isSent(
    connection: Connection,
    isOver: () => boolean,
    sends: "now" | "before",
  ): Promise<boolean> {
    const { libc } = this.#options;
    const isVsock = connection.peer.cid !== undefined;
    const acked = () => tcpInfo(libc, connection)?.bytesAcked ?? 0;
    const first = sends === "now" && !isVsock ? acked() : 0;
    const end = performance.now() + LIMIT_MS;
    // A machine that stood still for longer than the limit gets some looks, too.
    const isTime = (turn: number) =>
      turn <= WRITE_TURNS || performance.now() < end;
    for (let before = 0, turn = 0; isTime(turn); turn++) {
      if (isOver() || !isStillOpen(libc, connection)) return false;
      if (isVsock) {
        // vsock does not count what was acknowledged.
        const isRead = unsentBytes(libc, connection) === 0;
        if (turn >= WRITE_TURNS && isRead) return true;
      } else {
        const now = acked();
        const open = unacknowledgedBytes(libc, connection);
        // The runtime writes head and body separately, in one turn of the event loop or in two.
        if (now > first && now === before && open === 0) return true;
        before = now;
      }
      await sleep(PAUSE_MS);
    }
    return false;
  }
}
