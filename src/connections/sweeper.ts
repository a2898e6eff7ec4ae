/**
 * Closes connections that exceed a timeout, and those beyond the limit of connections. Neither
 * runtime limits the number of connections or the time of a request's header, and Deno does not
 * limit the time that a connection is idle.
 * @module
 */
import { type Connection, shutdownConnection } from "../linux/connection.ts";
import { connectionOf, descriptorsEnd, isOn } from "../linux/connections.ts";
import type { Libc } from "../linux/libc.ts";
import { openFilesLimit } from "../linux/open_files.ts";
import type { Log } from "../log/mod.ts";
import type { Peer } from "../runtime/types.ts";
import { SharedTimers, type Timers } from "../util/timers.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Listening } from "./listening.ts";
import {
  type ClientTimeouts,
  look,
  type Observation,
  whyClose,
} from "./idle_policy.ts";

/**
 * The most connections (15 to 25 µs each) and descriptors (1 µs each) that one turn of the event loop
 * looks at. A thousand connections in one turn would delay a health check by 20 ms.
 */
const MOST_CONNECTIONS = 50;
const MOST_DESCRIPTORS = 1000;
/** Milliseconds between two sweeps: usually, and while there are many connections. */
const RARELY_MS = 2000;
const OFTEN_MS = 200;
/**
 * The longest time between two sweeps while there is no connection: with a longer one, many clients
 * that send nothing could take all descriptors for that long. A connection that sends a request ends
 * the rest. One that never does may stay open longer than its timeout: up to four times, because a
 * sweep is due after three timeouts at the latest.
 */
const RESTING_MS = 30_000;
const RESTING_TIMEOUTS = 3;
/** A rest ends earlier by up to this share of it if another timer wakes the process. */
const RESTING_SLACK = 1 / 2;

/** What the sweeper needs. */
export interface SweeperOptions extends ClientTimeouts {
  readonly libc: Libc;
  readonly listening: () => Listening;
  readonly exchanges: Exchanges;
  /** If there are more connections, those that have been idle longest are closed. */
  readonly maxConnections: number;
  /** The limit of open files; by default that of this process. */
  readonly openFiles?: number;
  /** By default those of the runtime. */
  readonly timers?: Timers;
  readonly log: Pick<Log, "debug" | "warn">;
}

/** One walk over all connections. */
interface Sweep {
  /** The next descriptor to look at; `end` is one more than the last. */
  next: number;
  readonly end: number;
  readonly seen: Map<string, Observation>;
  readonly forget: (live: Iterable<Peer>) => void;
}

/** Sweeps on a timer while the guest runs; there is no timer while the guest is quiesced. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #intervalMs: number;
  readonly #restingMs: number;
  readonly #timers: Timers;
  readonly #openFiles: number | undefined;
  /** The most connections that stay open: at most half of the descriptors. */
  readonly #most: number;
  #seen = new Map<string, Observation>();
  /** Ends the wait for the next sweep; undefined while there is none. */
  #cancel: (() => void) | undefined;
  /** Whether the last sweep has found no connection, and none has sent a request since. */
  #resting = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { maxConnections, openFiles = openFilesLimit() } = options;
    this.#openFiles = openFiles;
    this.#most = Math.min(
      maxConnections,
      Math.floor((openFiles ?? Infinity) / 2),
    );
    const shortest = Math.min(options.headerTimeoutMs, options.idleTimeoutMs);
    this.#intervalMs = Math.max(50, Math.min(RARELY_MS, shortest / 4));
    this.#restingMs = Math.max(
      this.#intervalMs,
      Math.min(RESTING_MS, shortest * RESTING_TIMEOUTS),
    );
    this.#timers = options.timers ?? new SharedTimers();
    options.exchanges.onConnection = () => this.#wake();
  }

  /** Starts the timer. */
  start(): void {
    if (this.#cancel === undefined) this.#wait(this.#intervalMs);
  }

  /** Stops the timer. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#resting = false;
    this.#seen.clear();
  }

  /** Looks at every connection once, in one turn, and closes those that exceed a limit. */
  sweep(): void {
    const sweep = this.#begin();
    while (!this.#advance(sweep));
  }

  #wait(ms: number, sweep?: Sweep): void {
    const slackMs = this.#resting ? ms * RESTING_SLACK : 0;
    this.#cancel = this.#timers.within(ms, () => this.#turn(sweep), slackMs);
  }

  #turn(before?: Sweep): void {
    try {
      const sweep = before ?? this.#begin();
      if (!this.#advance(sweep)) return this.#wait(0, sweep);
    } catch (error) {
      // The next sweep may succeed.
      this.#options.log.warn("connections could not be swept", {
        error: String(error),
      });
      return this.#wait(this.#intervalMs);
    }
    this.#wait(this.#nextMs());
  }

  #nextMs(): number {
    this.#resting = this.#seen.size === 0;
    if (this.#resting) return this.#restingMs;
    const many = this.#seen.size > this.#most / 2;
    return many ? Math.min(OFTEN_MS, this.#intervalMs) : this.#intervalMs;
  }

  /** A connection has sent its first request. */
  #wake(): void {
    if (!this.#resting) return;
    this.#resting = false;
    this.#cancel?.();
    this.#wait(this.#intervalMs);
  }

  #begin(): Sweep {
    const { libc, exchanges } = this.#options;
    const end = libc.getpeername === undefined
      ? 0
      : descriptorsEnd(this.#openFiles);
    return { next: 0, end, seen: new Map(), forget: exchanges.beginPrune() };
  }

  /** Looks at the next few connections; true at the end of the sweep. */
  #advance(sweep: Sweep): boolean {
    const { libc, exchanges } = this.#options;
    const { seen, end, forget } = sweep;
    for (const connection of this.#some(sweep)) {
      const { inode } = connection;
      const looked = look(libc, exchanges, connection, this.#seen.get(inode));
      const why = whyClose(looked, this.#options);
      if (why === undefined) seen.set(inode, looked);
      else this.#close(connection, why);
    }
    if (sweep.next < end) return false;
    this.#seen = seen;
    forget([...seen.values()].map(({ connection }) => connection.peer));
    this.#closeExcess([...seen.values()]);
    return true;
  }

  /** The next few connections. */
  #some(sweep: Sweep): Connection[] {
    const { libc, listening } = this.#options;
    const { ports, vsock } = listening();
    const names = [...ports, ...vsock];
    const end = Math.min(sweep.end, sweep.next + MOST_DESCRIPTORS);
    const found: Connection[] = [];
    while (sweep.next < end && found.length < MOST_CONNECTIONS) {
      const fd = sweep.next++;
      const connection = isOn(libc, fd, names)
        ? connectionOf(libc, fd)
        : undefined;
      if (connection !== undefined) found.push(connection);
    }
    return found;
  }

  #closeExcess(seen: Observation[]): void {
    const most = this.#most;
    if (seen.length <= most) return;
    const idle = seen.filter(({ busy }) => !busy)
      .sort((a, b) => a.idleSince - b.idleSince);
    for (const { connection } of idle.slice(0, seen.length - most)) {
      this.#seen.delete(connection.inode);
      this.#close(connection, `more than ${most} connections`);
    }
  }

  #close(connection: Connection, why: string): void {
    const { libc, log } = this.#options;
    if (!shutdownConnection(libc, connection)) return;
    log.debug("connection closed", { why, peer: connection.peer.address });
  }
}
