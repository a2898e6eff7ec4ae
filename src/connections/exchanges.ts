/**
 * Counts the requests of each connection: all of them, and those under way.
 * @module
 */
import type { Peer } from "../runtime/types.ts";
import type { Exchange } from "./exchange.ts";

/** What is known of a connection that has sent a request. */
interface Counts {
  served: number;
  readonly underWay: Set<Exchange>;
}

/** Knows the requests of connections, by the connection's far end. */
export class Exchanges {
  readonly #connections = new Map<string, Counts>();
  /** Called at the first request of a connection. */
  onConnection = () => {};

  /** Counts a request that has arrived. */
  begin(exchange: Exchange): void {
    const { peer } = exchange;
    if (peer === undefined) return;
    const key = keyOf(peer);
    let counts = this.#connections.get(key);
    if (counts === undefined) {
      counts = { served: 0, underWay: new Set() };
      this.#connections.set(key, counts);
      this.onConnection();
    }
    counts.served++;
    counts.underWay.add(exchange);
  }

  /** Counts a request as answered. Has no effect if it is called again. */
  end(exchange: Exchange): void {
    const { peer } = exchange;
    if (peer !== undefined) this.#find(peer)?.underWay.delete(exchange);
  }

  /** True while a request of this connection is being answered. */
  busy(peer: Peer): boolean {
    return waits(this.#find(peer));
  }

  /** As {@linkcode busy}, and also while the body of a request is arriving. */
  anyUnderWay(peer: Peer): boolean {
    return (this.#find(peer)?.underWay.size ?? 0) > 0;
  }

  /** True while a request of any connection is being answered. */
  get anyBusy(): boolean {
    for (const counts of this.#connections.values()) {
      if (waits(counts)) return true;
    }
    return false;
  }

  /** How many requests this connection has sent, since {@linkcode beginPrune} last forgot it. */
  served(peer: Peer): number {
    return this.#find(peer)?.served ?? 0;
  }

  /**
   * Begins to forget connections that no longer exist. The returned function ends it: it
   * forgets the counts of the connections that were known at the beginning and are not among the
   * live ones.
   */
  beginPrune(): (live: Iterable<Peer>) => void {
    const gone = new Set(this.#connections.keys());
    return (live) => {
      for (const peer of live) gone.delete(keyOf(peer));
      for (const key of gone) {
        const counts = this.#connections.get(key);
        if (counts === undefined) continue;
        counts.served = 0;
        if (counts.underWay.size === 0) this.#connections.delete(key);
      }
    };
  }

  #find(peer: Peer): Counts | undefined {
    return this.#connections.get(keyOf(peer));
  }
}

/** Whether a caller waits for a reply; one that is still sending its body does not. */
function waits(counts: Counts | undefined): boolean {
  for (const { receiving } of counts?.underWay ?? []) {
    if (!receiving) return true;
  }
  return false;
}

/** A name for a connection. All connections over unix sockets have the same name. */
export function keyOf(peer: Peer): string {
  return peer.unix ? "unix" : `${peer.address} ${peer.port}`;
}
