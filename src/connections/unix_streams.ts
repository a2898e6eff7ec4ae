/**
 * Parks the unix connections of streams. A unix connection has no name, so it is unknown which of them
 * carries a stream. If the runtime ends a stream because its connection has ended, that connection
 * was the stream's.
 * @module
 */
import {
  type Connection,
  inodeOf,
  unreadBytes,
  unsentBytes,
} from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import { UNIX_PEER } from "../linux/connections.ts";
import { sleep } from "../util/wait.ts";
import type { Parked } from "./parked.ts";
import type { StreamEnds } from "./stream_ends.ts";
import { LIMIT_MS, PAUSE_MS, WRITE_TURNS } from "./stream_times.ts";

/** Turns of the event loop in which the runtime ends the stream of a connection that it has closed. */
const CANCEL_TURNS = 5;

/**
 * Milliseconds that a settle waits for the end of other requests. The call that waits for the settle
 * may be one of them.
 */
const BUSY_MS = 500;

/** What the unix connections are parked with. */
export interface UnixStreamsOptions {
  readonly libc: Libc;
  readonly ends: StreamEnds;
  readonly parked: Parked;
  /** Lists the unix connections. */
  readonly list: () => Connection[];
  /** Whether a request over any unix connection is under way. */
  readonly isBusy: () => boolean;
}

/** Parks the unix connections of streams. */
export class UnixStreams {
  readonly #options: UnixStreamsOptions;
  /** The inodes of the connections that existed when a stream began: each stream is on one of them. */
  #known = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: UnixStreamsOptions) {
    this.#options = options;
  }

  /** Has to be called when a stream begins. */
  begin(): void {
    const listed = this.#options.list().map(({ inode }) => inode);
    if (this.#count === 0) this.#known.clear();
    for (const inode of listed) this.#known.add(inode);
  }

  /**
   * Parks all of them, one after the other; ends the streams whose connections cannot be found.
   * `isSettle` says that the caller of a prepare may wait for this.
   */
  park(isOver: () => boolean, isSettle: boolean): Promise<void> {
    return this.#last = this.#last.catch(() => {}).then(() =>
      this.#parkAll(isOver, isSettle)
    );
  }

  get #count(): number {
    return this.#options.ends.of(UNIX_PEER).length;
  }

  async #parkAll(isOver: () => boolean, isSettle: boolean): Promise<void> {
    // A stream that begins from now on is the next call's: it may not be written yet.
    const { ends } = this.#options;
    const streams = new Set(ends.of(UNIX_PEER));
    if (streams.size === 0) return;
    const own = this.#candidates();
    await this.#written(own, isOver, isSettle ? BUSY_MS : LIMIT_MS);
    const left = () => ends.of(UNIX_PEER).filter((end) => streams.has(end));
    for (const connection of own) {
      if (isOver() || left().length === 0 || !this.#isSafe()) break;
      await this.#tryOne(connection, isOver);
    }
    if (isOver()) return;
    for (const end of left()) end("later");
  }

  /** The connections that may carry a stream. */
  #candidates(): Connection[] {
    return this.#options.list().filter(({ inode }) => this.#known.has(inode));
  }

  /**
   * Whether no client waits for a reply on a connection that may carry a stream. An idle one may be
   * closed: its client gets EPIPE.
   */
  #isSafe(): boolean {
    const { isBusy } = this.#options;
    return !isBusy() || this.#candidates().length === this.#count;
  }

  /**
   * Waits until the clients have read everything that was written, and until no other request is in
   * the way; both for a limited time.
   */
  async #written(
    own: readonly Connection[],
    isOver: () => boolean,
    busyMs: number,
  ): Promise<void> {
    const { libc } = this.#options;
    const start = performance.now();
    const end = start + LIMIT_MS;
    const isTime = (turn: number) =>
      turn <= WRITE_TURNS || performance.now() < end;
    for (let turn = 0; isTime(turn) && !isOver(); turn++) {
      const isRead = own.every((one) => unsentBytes(libc, one) === 0);
      const isFree = this.#isSafe() || performance.now() - start > busyMs;
      if (turn >= WRITE_TURNS && isRead && isFree) return;
      await sleep(PAUSE_MS);
    }
  }

  /** Parks the connection if it carries a stream; otherwise the connection is closed. */
  async #tryOne(
    connection: Connection,
    isOver: () => boolean,
  ): Promise<void> {
    const { libc, ends, parked } = this.#options;
    const { fd, inode } = connection;
    if (inodeOf(fd) !== inode) return;
    const waits = unreadBytes(libc, connection) > 0 ||
      unsentBytes(libc, connection) > 0;
    if (waits) return;
    const before = ends.of(UNIX_PEER);
    const own = parked.add(connection);
    if (own === undefined) return;
    const hasEnded = () => {
      const now = ends.of(UNIX_PEER);
      return before.some((end) => !now.includes(end));
    };
    const end = performance.now() + LIMIT_MS;
    const isOpen = () => inodeOf(fd) === inode && performance.now() < end;
    for (let turns = 0; !hasEnded() && turns < CANCEL_TURNS;) {
      await sleep(1);
      // A recovery has ended all streams: it is unknown whether this connection had one.
      if (isOver()) return parked.drop(own);
      if (!isOpen()) turns++;
    }
    if (!hasEnded()) return parked.drop(own);
    own.isStream = true;
    while (isOpen()) await sleep(1);
  }
}
