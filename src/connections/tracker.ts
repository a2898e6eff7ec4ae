/**
 * Tracks the agent's own connections. The list comes from the kernel: neither runtime lists its
 * connections, and the requests alone do not show connections that have not sent a request.
 * @module
 */
import type { Connection } from "../linux/connection.ts";
import { listConnections, UNIX_PEER } from "../linux/connections.ts";
import type { Libc } from "../linux/libc.ts";
import { hideUnsentConnections, listenersOn } from "../linux/listen.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import { waitFor } from "../util/wait.ts";
import type { FetchHandler, Peer } from "../runtime/types.ts";
import { afterReply } from "./reply_flush.ts";
import { closeIdle } from "./close_idle.ts";
import { Exchange } from "./exchange.ts";
import { Exchanges } from "./exchanges.ts";
import { KeptStreams } from "./kept_streams.ts";
import type { Listening } from "./listening.ts";
import { Recorded } from "./recorded.ts";
import type { EndStream } from "./stream_ends.ts";
import type { StreamsOptions } from "./streams.ts";

/** What the tracker needs. */
export interface TrackerOptions
  extends Pick<StreamsOptions, "wakesForConnections" | "letGo"> {
  readonly libc: Libc;
  readonly listening: () => Listening;
  /** The number of requests after which a connection is closed. */
  readonly maxRequestsPerConnection: number;
  /** Closes idle connections if there is no C library. */
  readonly closeIdle: () => void;
  readonly queue: Pick<DeferredQueue, "drained">;
  /** Gets the error if the work after a reply fails. */
  readonly onError: (error: unknown) => void;
}

/** Milliseconds that the last replies of an agent that ends may take. */
const LAST_REPLIES_MS = 1000;

/** Knows which connections wait for a reply, and closes the others at a prepare. */
export class ConnectionTracker {
  readonly #options: TrackerOptions;
  /** The requests of the connections. */
  readonly exchanges = new Exchanges();
  readonly #recorded = new Recorded();
  readonly #streams: KeptStreams;
  /** The descriptors of the listening sockets. */
  #listeners: readonly number[] = [];
  #keepAlive = true;
  #ending = false;
  #endsWithReply: ((peer: Peer | undefined) => boolean) | undefined;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#streams = new KeptStreams({
      ...options,
      list: (kinds) => this.list(kinds),
      isUnixBusy: () => this.exchanges.anyUnderWay(UNIX_PEER),
    });
  }

  /** Whether connections stay open after their reply. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  /**
   * Lists the connections of these kinds that the kernel has now. It is unknown which of the unix
   * connections sent a request.
   */
  list(kinds: readonly (keyof Listening)[] = ["ports"]): Connection[] {
    const { libc, listening } = this.#options;
    const on = listening();
    const names = kinds.flatMap((kind): readonly (number | string)[] =>
      on[kind]
    );
    return this.#streams.known(listConnections(libc, names));
  }

  /**
   * Begins a reply without an end, whose connection a quiesced guest keeps. The returned function says
   * that the reply has ended; a recovery calls `end`. Undefined if the connection cannot be kept: then
   * the reply has to end at a prepare.
   */
  beginStream(
    exchange: Exchange,
    end: EndStream,
  ): Promise<(() => void) | undefined> {
    return this.#streams.begin(exchange, end);
  }

  /** Finds the listening sockets. Has to be called each time that the agent begins to listen. */
  listen(): void {
    const { libc, listening } = this.#options;
    this.#listeners = listenersOn(libc, listening().ports);
    hideUnsentConnections(libc, this.#listeners, !this.#keepAlive);
  }

  /** Wraps the app in the outermost handler, so that no other code runs after it. */
  wrap(
    answer: (request: Request, exchange: Exchange) => Promise<Response>,
  ): FetchHandler {
    return async (request, peer) => {
      const exchange = new Exchange(peer);
      this.exchanges.begin(exchange);
      // A recorded connection that sends a request is alive; it is closed after its reply.
      if (peer !== undefined) this.#recorded.forget(peer);
      try {
        const response = await answer(request, exchange);
        const close = this.#ending || !this.#keeps(peer) ||
          this.#isSpent(peer) || exchange.isLast;
        if (close) response.headers.set("connection", "close");
        if (exchange.isStream) this.#followStream(exchange);
        else if (exchange.hasAfter || close) {
          exchange.callerCloses = saysClose(request);
          this.#follow(exchange, close);
        } else this.exchanges.end(exchange);
        return response;
      } catch (error) {
        this.exchanges.end(exchange);
        exchange.replied();
        throw error;
      }
    };
  }

  /** Turns keep-alive off, closes connections that wait for no reply, records the others. */
  async quiesce(): Promise<{ closed: number; recorded: number }> {
    const { libc, closeIdle } = this.#options;
    this.#keepAlive = false;
    if (libc.getpeername === undefined) closeIdle();
    hideUnsentConnections(libc, this.#listeners, true);
    const closed = await this.#closeIdle(
      () => this.list(["ports", "paths", "vsock"]),
      "skip",
    );
    // If prepares follow each other at once, no sweep does this.
    const forget = this.exchanges.beginPrune();
    const left = this.list(["ports", "vsock"]);
    forget(left.map(({ peer }) => peer));
    this.#streams.quiesce();
    // Unix connections are not recorded: both of their ends are in the snapshot.
    this.#recorded.record(left.filter(({ inode }) => !closed.has(inode)));
    return { closed: closed.size, recorded: this.#recorded.size };
  }

  /**
   * Closes the connections that were new at {@linkcode quiesce}, or were opened since then, and have
   * not sent a request; returns their number. Before that, parks the connections of streams. Ends
   * early if keep-alive is on again or the signal is aborted.
   */
  async closeLate(signal: AbortSignal): Promise<number> {
    const isOver = () => this.#keepAlive || signal.aborted;
    await this.#streams.park(isOver);
    const left = () => [...this.list(), ...this.#streams.unixLeft()];
    const late = () => isOver() ? [] : left();
    return (await this.#closeIdle(late, "wait")).size;
  }

  /**
   * Turns keep-alive on and closes the recorded connections that still exist. `waiting` says what
   * happens to those whose caller waits for a reply. After a restore that caller no longer exists.
   * Otherwise it does, and its connection is closed after its reply: the caller of a prepare that
   * was aborted gets that reply, and so does a caller whose request is just arriving. Half a request
   * is closed a little later. The streams that were parked end.
   */
  recover(waiting: "close" | "keep"): { zombies: number } {
    const { libc, onError } = this.#options;
    // In a dry run, keep-alive is on, and no stream ends.
    const ending = this.#keepAlive
      ? undefined
      : this.#streams.release(this.#recorded, onError);
    this.#keepAlive = true;
    hideUnsentConnections(libc, this.#listeners, false);
    const { zombies, arriving } = this.#recorded.close({
      ...{ libc, waiting, ending, exchanges: this.exchanges },
    });
    if (arriving.size > 0) this.#closeUnless(arriving).catch(onError);
    return { zombies };
  }

  /**
   * Makes the connections of these peers end with their reply, as all connections do while the guest
   * is quiesced; the returned function ends that. The dry run uses it to run the code that closes
   * the connection of a prepare.
   */
  endWithReply(isOwn: (peer: Peer | undefined) => boolean): () => void {
    this.#endsWithReply = isOwn;
    return () => void (this.#endsWithReply = undefined);
  }

  /**
   * Makes every reply from now on the last one of its connection. The exchange of such a reply lasts
   * until its caller has it.
   */
  beginEnd(): void {
    this.#ending = true;
  }

  /**
   * Waits until no caller waits for a reply any more, for a second at most. An agent that exits
   * earlier loses replies that the runtime has not written yet.
   */
  async replied(): Promise<void> {
    await waitFor(() => !this.exchanges.anyBusy, LAST_REPLIES_MS);
  }

  /**
   * Closes those of these connections whose request does not become complete soon. The others, which
   * have sent more requests than the given number, stay open.
   */
  async #closeUnless(arriving: ReadonlyMap<string, number>): Promise<void> {
    const list = () =>
      this.list(["ports", "vsock"]).filter(({ inode, peer }) =>
        arriving.get(inode) === this.exchanges.served(peer)
      );
    await this.#closeIdle(list, "wait");
  }

  /** Whether the connection stays open after its reply, as far as is known now. */
  #keeps(peer: Peer | undefined): boolean {
    return this.#keepAlive && this.#endsWithReply?.(peer) !== true;
  }

  #closeIdle(
    list: () => Connection[],
    onFresh: "skip" | "wait",
  ): Promise<Set<string>> {
    const { libc } = this.#options;
    const busy = (peer: Peer) =>
      this.exchanges.busy(peer) || this.#streams.has(peer);
    return closeIdle({ libc, list, busy, onFresh });
  }

  /** Whether this connection has sent as many requests as a connection may. */
  #isSpent(peer: Peer | undefined): boolean {
    return peer !== undefined && !peer.unix &&
      this.exchanges.served(peer) >= this.#options.maxRequestsPerConnection;
  }

  /** A stream that begins while the guest is quiesced is parked at once. */
  #followStream(exchange: Exchange): void {
    this.exchanges.end(exchange);
    if (this.#keepAlive) return;
    this.#parkNow().catch(this.#options.onError);
  }

  async #parkNow(): Promise<void> {
    const isOver = () => this.#keepAlive;
    await this.#streams.park(isOver, "now");
    // The reply after which they were to be closed was perhaps earlier.
    const left = () => isOver() ? [] : this.#streams.unixLeft();
    if (left().length > 0) await this.#closeIdle(left, "wait");
  }

  #follow(exchange: Exchange, close: boolean): void {
    const { libc, queue, onError } = this.#options;
    afterReply({
      ...{ libc, queue, close },
      keepAlive: () => this.#ending || this.#keeps(exchange.peer),
      list: (kinds) => this.list(kinds),
      forget: (peer) => this.#recorded.forget(peer),
      end: () => this.exchanges.end(exchange),
      closeIdle: (list) => this.#closeIdle(list, "wait"),
    }, exchange).catch(onError);
  }
}

/** Whether the caller wants no further reply on its connection (RFC 9112, 9.6). */
function saysClose({ headers }: Request): boolean {
  return headers.get("connection")?.toLowerCase() === "close";
}
