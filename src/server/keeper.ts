/**
 * The agent's own connections, by kernel truth: neither runtime tells which
 * connections it has, and a set of our own would miss those that never sent a
 * request.
 * @module
 */
import {
  type Connection,
  listConnections,
  shutdownConnection,
  tcpInfo,
  unacknowledgedBytes,
  unreadBytes,
} from "../linux/connections.ts";
import type { Libc } from "../linux/libc.ts";
import {
  hideUnsentConnections,
  showUnsentConnections,
} from "../linux/listen.ts";
import type { FetchHandler, Peer } from "../runtime/types.ts";
import { Exchange } from "./exchange.ts";

/** How long a reply may take to be acknowledged before the settle goes on. */
const FLUSH_LIMIT_MS = 250;
/** The wait for a reply's way out where no libc tells about it. */
const BLIND_FLUSH_MS = 5;

/** What the keeper needs. */
export interface KeeperOptions {
  readonly libc: Libc;
  /** The port that the agent listens on. */
  readonly port: () => number;
  /** Closes idle connections where there is no libc to do it. */
  readonly closeIdle: () => void;
  /** A reply whose after-work failed. */
  readonly onError: (error: unknown) => void;
}

/** Knows which connections wait for a reply, and closes the others on demand. */
export class ConnectionKeeper {
  readonly #options: KeeperOptions;
  readonly #exchanges = new Map<string, Set<Exchange>>();
  readonly #served = new Map<string, number>();
  #recorded: Connection[] = [];
  #keepAlive = true;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Whether connections outlive their reply. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  /** Connections that exist now, as the kernel has them. */
  list(): Connection[] {
    return listConnections(this.#options.libc, this.#options.port());
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
        if (!this.#keepAlive) response.headers.set("connection", "close");
        if (exchange.hasAfter || !this.#keepAlive) this.#follow(exchange);
        else this.#end(exchange);
        return response;
      } catch (error) {
        this.#end(exchange);
        exchange.replied();
        throw error;
      }
    };
  }

  /** True while a request of this connection is being answered. */
  busy(peer: Peer): boolean {
    for (const exchange of this.#exchanges.get(keyOf(peer)) ?? []) {
      // Whoever still sends its body is slow, not waiting for a reply.
      if (!exchange.receiving) return true;
    }
    return false;
  }

  /** How many requests this connection has sent, as long as it is known. */
  served(peer: Peer): number {
    return this.#served.get(keyOf(peer)) ?? 0;
  }

  /** Forgets counts of connections that are no more. */
  forgetOthers(connections: readonly Connection[]): void {
    const live = new Set(connections.map(({ peer }) => keyOf(peer)));
    for (const key of this.#served.keys()) {
      if (!live.has(key)) this.#served.delete(key);
    }
  }

  /** Closes what waits for no reply, records the rest, turns keep-alive off. */
  quiesce(): { closed: number; recorded: number } {
    const { libc, port, closeIdle } = this.#options;
    this.#keepAlive = false;
    if (libc.getpeername === undefined) closeIdle();
    hideUnsentConnections(libc, port());
    const closed = this.#closeIdle();
    this.#recorded = this.list();
    return { closed, recorded: this.#recorded.length };
  }

  /** Closes exactly the recorded connections that still exist; keep-alive on. */
  recover(): { zombies: number } {
    this.#keepAlive = true;
    showUnsentConnections(this.#options.libc, this.#options.port());
    let zombies = 0;
    for (const connection of this.#recorded.splice(0)) {
      if (shutdownConnection(this.#options.libc, connection)) zombies++;
    }
    return { zombies };
  }

  /** Closes what waits for no reply; a request that is just arriving does. */
  #closeIdle(): number {
    const { libc } = this.#options;
    return this.list().filter((connection) =>
      !this.busy(connection.peer) && !unreadBytes(libc, connection) &&
      shutdownConnection(libc, connection)
    ).length;
  }

  #begin(exchange: Exchange): void {
    const { peer } = exchange;
    if (peer === undefined) return;
    const key = keyOf(peer);
    this.#served.set(key, (this.#served.get(key) ?? 0) + 1);
    const exchanges = this.#exchanges.get(key);
    if (exchanges) exchanges.add(exchange);
    else this.#exchanges.set(key, new Set([exchange]));
    // A recorded connection that speaks is no zombie; its reply will close it.
    if (this.#recorded.length > 0) {
      this.#recorded = this.#recorded.filter((c) => keyOf(c.peer) !== key);
    }
  }

  #end(exchange: Exchange): void {
    if (exchange.peer === undefined) return;
    const key = keyOf(exchange.peer);
    const exchanges = this.#exchanges.get(key);
    exchanges?.delete(exchange);
    if (exchanges?.size === 0) this.#exchanges.delete(key);
  }

  /** Waits for the reply to arrive, runs what was left for then, and closes. */
  #follow(exchange: Exchange): void {
    const close = !this.#keepAlive;
    const before = this.#acknowledged(exchange.peer);
    this.#flushed(exchange.peer, before).then((connection) => {
      this.#end(exchange);
      if (close && connection !== undefined) {
        shutdownConnection(this.#options.libc, connection);
      }
      // What was just arriving at the prepare and did not become a request.
      if (!this.#keepAlive) this.#closeIdle();
      exchange.replied();
    }).catch(this.#options.onError);
  }

  #find(peer: Peer | undefined): Connection | undefined {
    if (peer === undefined) return undefined;
    const key = keyOf(peer);
    return this.list().find((connection) => keyOf(connection.peer) === key);
  }

  #acknowledged(peer: Peer | undefined): number {
    const connection = this.#find(peer);
    if (connection === undefined) return 0;
    return tcpInfo(this.#options.libc, connection)?.bytesAcked ?? 0;
  }

  /** The connection once the caller has the reply; undefined if it is gone. */
  async #flushed(
    peer: Peer | undefined,
    before: number,
  ): Promise<Connection | undefined> {
    const { libc } = this.#options;
    const end = performance.now() + FLUSH_LIMIT_MS;
    const blind = libc.getpeername === undefined || peer === undefined;
    // A timer, not a microtask: a microtask would run before the write.
    await sleep(blind ? BLIND_FLUSH_MS : 0);
    for (let pause = 1;; pause = Math.min(pause * 2, 16)) {
      const connection = this.#find(peer);
      if (connection === undefined) return undefined;
      const acked = tcpInfo(libc, connection)?.bytesAcked ?? before;
      if (acked > before && unacknowledgedBytes(libc, connection) === 0) {
        return connection;
      }
      if (performance.now() > end) return connection;
      await sleep(pause);
    }
  }
}

function keyOf(peer: Peer): string {
  return `${peer.address} ${peer.port}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
