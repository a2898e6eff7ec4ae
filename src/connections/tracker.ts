/**
 * The agent's own connections, by kernel truth: neither runtime tells which
 * connections it has, and a set of our own would miss those that never sent a
 * request.
 * @module
 */
import { type Connection, shutdownConnection } from "../linux/connection.ts";
import { listConnections, listUnixConnections } from "../linux/connections.ts";
import type { Libc } from "../linux/libc.ts";
import {
  hideUnsentConnections,
  listenersOn,
  showUnsentConnections,
} from "../linux/listen.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { FetchHandler, Peer } from "../runtime/types.ts";
import { afterReply } from "./reply_flush.ts";
import { closeIdle } from "./close_idle.ts";
import { Exchange } from "./exchange.ts";
import { Exchanges, keyOf } from "./exchanges.ts";

/** Where the agent listens. */
export interface Listening {
  readonly ports: readonly number[];
  /** Of unix sockets. */
  readonly paths: readonly string[];
}

/** What the keeper needs. */
export interface TrackerOptions {
  readonly libc: Libc;
  readonly listening: () => Listening;
  /** Requests after which a connection is closed. */
  readonly maxRequestsPerConnection: number;
  /** Closes idle connections where there is no libc to do it. */
  readonly closeIdle: () => void;
  readonly queue: Pick<DeferredQueue, "drained">;
  /** A reply whose after-work failed. */
  readonly onError: (error: unknown) => void;
}

/** Knows which connections wait for a reply, and closes the others on demand. */
export class ConnectionTracker {
  readonly #options: TrackerOptions;
  readonly #exchanges = new Exchanges();
  readonly #recorded = new Set<Connection>();
  /** The sockets that listen. */
  #listeners: readonly number[] = [];
  #keepAlive = true;
  #endsWithReply: ((peer: Peer | undefined) => boolean) | undefined;

  constructor(options: TrackerOptions) {
    this.#options = options;
  }

  /** Whether connections outlive their reply. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  /** TCP connections that exist now, as the kernel has them. */
  list(): Connection[] {
    const { libc, listening } = this.#options;
    return listConnections(libc, ...listening().ports);
  }

  /** Unix connections that exist now; nothing tells which one sent a request. */
  #listUnix(): Connection[] {
    const { libc, listening } = this.#options;
    return listUnixConnections(libc, ...listening().paths);
  }

  /** To be called once the agent listens, and whenever it listens anew. */
  listen(): void {
    const { libc, listening } = this.#options;
    // Bound now, not as the first reply of a fork needs them.
    void [libc.shutdown, libc.ioctl];
    this.#listeners = listenersOn(libc, listening().ports);
    if (this.#keepAlive) showUnsentConnections(libc, this.#listeners);
    else hideUnsentConnections(libc, this.#listeners);
  }

  /** Wraps the app: the outermost handler, so that nothing runs after it. */
  wrap(
    answer: (request: Request, exchange: Exchange) => Promise<Response>,
  ): FetchHandler {
    return async (request, peer) => {
      const exchange = new Exchange(peer);
      this.#begin(exchange);
      try {
        const response = await answer(request, exchange);
        const close = !this.#keeps(peer) || this.#isSpent(peer);
        if (close) response.headers.set("connection", "close");
        if (exchange.hasAfter || close) {
          exchange.callerCloses = saysClose(request);
          this.#follow(exchange, close);
        } else this.#exchanges.end(exchange);
        return response;
      } catch (error) {
        this.#exchanges.end(exchange);
        exchange.replied();
        throw error;
      }
    };
  }

  /** True while a request of this connection is being answered. */
  busy(peer: Peer): boolean {
    return this.#exchanges.busy(peer);
  }

  /** How many requests this connection has sent, as long as it is known. */
  served(peer: Peer): number {
    return this.#exchanges.served(peer);
  }

  /** As {@linkcode Exchanges.beginPrune}. */
  beginPrune(): (live: Iterable<Peer>) => void {
    return this.#exchanges.beginPrune();
  }

  /** Closes what waits for no reply, records the rest, turns keep-alive off. */
  async quiesce(): Promise<{ closed: number; recorded: number }> {
    const { libc, closeIdle } = this.#options;
    this.#keepAlive = false;
    if (libc.getpeername === undefined) closeIdle();
    hideUnsentConnections(libc, this.#listeners);
    const closed = await this.#closeIdle(
      () => [...this.list(), ...this.#listUnix()],
      "skip",
    );
    // A sweep may never come where prepares follow each other at once.
    const forget = this.beginPrune();
    const left = this.list();
    forget(left.map(({ peer }) => peer));
    // Both ends of a unix connection are in this machine: never a zombie.
    this.#recorded.clear();
    for (const connection of left) {
      if (!closed.has(connection.inode)) this.#recorded.add(connection);
    }
    return { closed: closed.size, recorded: this.#recorded.size };
  }

  /**
   * Closes who had only just connected at {@linkcode quiesce}, or connected
   * until now, and still says nothing; how many. It ends early once keep-alive is
   * on again, or the signal says that nobody waits for it.
   */
  async closeLate(signal: AbortSignal): Promise<number> {
    const late = () => this.#keepAlive || signal.aborted ? [] : this.list();
    return (await this.#closeIdle(late, "wait")).size;
  }

  /**
   * Closes the recorded connections that still exist; keep-alive on. `waiting` says
   * what becomes of those whose caller waits for a reply. After a restore that
   * caller is not there any more. Otherwise it is, and its reply closes the
   * connection: without it, the caller of a prepare that was aborted would never
   * hear of that.
   */
  recover(waiting: "close" | "keep"): { zombies: number } {
    const { libc } = this.#options;
    this.#keepAlive = true;
    showUnsentConnections(libc, this.#listeners);
    let zombies = 0;
    if (this.#recorded.size === 0) return { zombies }; // mostly
    for (const connection of this.#recorded) {
      if (waiting === "keep" && this.busy(connection.peer)) continue;
      if (shutdownConnection(libc, connection)) zombies++;
    }
    this.#recorded.clear();
    return { zombies };
  }

  /**
   * Until it is called back, these peers' connections end with their reply as all
   * do while quiesced: the end of a prepare's own is what a freeze catches.
   */
  endWithReply(isOwn: (peer: Peer | undefined) => boolean): () => void {
    this.#endsWithReply = isOwn;
    return () => void (this.#endsWithReply = undefined);
  }

  /** Whether the connection outlives its reply, for all that is known so far. */
  #keeps(peer: Peer | undefined): boolean {
    return this.#keepAlive && this.#endsWithReply?.(peer) !== true;
  }

  #closeIdle(
    list: () => Connection[],
    fresh: "skip" | "wait",
  ): Promise<Set<string>> {
    const { libc } = this.#options;
    return closeIdle({
      libc,
      list,
      busy: (peer) => this.busy(peer),
      onNew: fresh,
    });
  }

  /** Whether this connection has sent as many requests as one may. */
  #isSpent(peer: Peer | undefined): boolean {
    return peer !== undefined && !peer.unix &&
      this.served(peer) >= this.#options.maxRequestsPerConnection;
  }

  #begin(exchange: Exchange): void {
    this.#exchanges.begin(exchange);
    // A recorded connection that speaks is no zombie; its reply will close it.
    if (exchange.peer !== undefined) this.#forget(exchange.peer);
  }

  #forget(spoken: Peer): void {
    if (this.#recorded.size === 0) return;
    const key = keyOf(spoken);
    for (const connection of this.#recorded) {
      if (keyOf(connection.peer) === key) this.#recorded.delete(connection);
    }
  }

  #follow(exchange: Exchange, close: boolean): void {
    const { libc, queue, onError } = this.#options;
    afterReply({
      ...{ libc, queue, close },
      keepAlive: () => this.#keeps(exchange.peer),
      list: () => this.list(),
      listUnix: () => this.#listUnix(),
      forget: (peer) => this.#forget(peer),
      end: () => this.#exchanges.end(exchange),
      closeIdle: (list) => this.#closeIdle(list, "wait"),
    }, exchange).catch(onError);
  }
}

/** Whether the caller wants no other reply on its connection (RFC 9112, 9.6). */
function saysClose({ headers }: Request): boolean {
  return headers.get("connection")?.toLowerCase() === "close";
}
