/**
 * The requests of each connection: those under way, and how many there were.
 * @module
 */
import type { Peer } from "../runtime/types.ts";
import type { Exchange } from "./exchange.ts";

/** Knows the requests of connections, by the connection's far end. */
export class Exchanges {
  readonly #underWay = new Map<string, Exchange[]>();
  #served = new Map<string, number>();

  begin(exchange: Exchange): void {
    if (exchange.peer === undefined) return;
    const key = keyOf(exchange.peer);
    this.#served.set(key, (this.#served.get(key) ?? 0) + 1);
    const others = this.#underWay.get(key);
    if (others) others.push(exchange);
    else this.#underWay.set(key, [exchange]);
  }

  /** May be called again for one that has ended. */
  end(exchange: Exchange): void {
    if (exchange.peer === undefined) return;
    const key = keyOf(exchange.peer);
    const left = this.#underWay.get(key)?.filter((one) => one !== exchange);
    if (left === undefined || left.length === 0) this.#underWay.delete(key);
    else this.#underWay.set(key, left);
  }

  /** True while a request of this connection is being answered. */
  busy(peer: Peer): boolean {
    // Whoever still sends its body is slow, not waiting for a reply.
    return this.#underWay.get(keyOf(peer))?.some(({ receiving }) =>
      !receiving
    ) ?? false;
  }

  /** How many requests this connection has sent, as long as it is known. */
  served(peer: Peer): number {
    return this.#served.get(keyOf(peer)) ?? 0;
  }

  /**
   * Begins a census. What it gives forgets the counts of connections that were
   * known at this beginning and are not among the live ones at its end.
   */
  census(): (live: Iterable<Peer>) => void {
    const known = new Set(this.#served.keys());
    return (live) => {
      for (const peer of live) known.delete(keyOf(peer));
      // Made anew: one that has forgotten a few grows with the next that comes, and
      // a fork's first caller would wait for it.
      this.#served = new Map(
        [...this.#served].filter(([key]) => !known.has(key)),
      );
    };
  }
}

/** A name for the connection; those over unix sockets have one together. */
export function keyOf(peer: Peer): string {
  return peer.unix ? "unix" : `${peer.address} ${peer.port}`;
}
