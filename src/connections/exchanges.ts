/**
 * The requests of each connection: those under way, and how many there were.
 * @module
 */
import type { Peer } from "../runtime/types.ts";
import type { Exchange } from "./exchange.ts";

/** Who has connected, as far as it has sent a request. */
interface Caller {
  readonly peer: Peer;
  served: number;
  underWay: readonly Exchange[];
}

/** Knows the requests of connections, by the connection's far end. */
export class Exchanges {
  /** By port: V8 finds a number by less code than a name that was just made. */
  #callers = new Map<number, readonly Caller[]>();

  begin(exchange: Exchange): void {
    const { peer } = exchange;
    if (peer === undefined) return;
    const caller = this.#find(peer);
    if (caller === undefined) {
      return this.#add({ peer, served: 1, underWay: [exchange] });
    }
    caller.served++;
    caller.underWay = [...caller.underWay, exchange];
  }

  /** May be called again for one that has ended. */
  end(exchange: Exchange): void {
    if (exchange.peer === undefined) return;
    const caller = this.#find(exchange.peer);
    if (caller === undefined) return;
    caller.underWay = caller.underWay.filter((one) => one !== exchange);
  }

  /** True while a request of this connection is being answered. */
  busy(peer: Peer): boolean {
    // Whoever still sends its body is slow, not waiting for a reply.
    return this.#find(peer)?.underWay.some(({ receiving }) => !receiving) ??
      false;
  }

  /** How many requests this connection has sent, as long as it is known. */
  served(peer: Peer): number {
    return this.#find(peer)?.served ?? 0;
  }

  /**
   * Begins a census. What it gives forgets the counts of connections that were
   * known at this beginning and are not among the live ones at its end.
   */
  beginPrune(): (live: Iterable<Peer>) => void {
    const gone = new Set(this.#all());
    return (live) => {
      for (const peer of live) gone.delete(this.#find(peer)!);
      for (const caller of gone) caller.served = 0;
      // A map that has forgotten a few grows with the next that comes: it is made
      // anew, or a fork's first caller would wait for that.
      const all = this.#all();
      this.#callers = new Map();
      for (const caller of all) {
        if (caller.served > 0 || caller.underWay.length > 0) this.#add(caller);
      }
    };
  }

  #all(): Caller[] {
    return [...this.#callers.values()].flat();
  }

  #find(peer: Peer): Caller | undefined {
    const callers = this.#callers.get(peer.port);
    if (callers === undefined) return undefined; // mostly, and somebody waits
    return callers.find((caller) =>
      peer.unix ? caller.peer.unix : caller.peer.address === peer.address
    );
  }

  #add(caller: Caller): void {
    const { port } = caller.peer;
    const others = this.#callers.get(port);
    this.#callers.set(
      port,
      others === undefined ? [caller] : [...others, caller],
    );
  }
}

/** A name for the connection; those over unix sockets have one together. */
export function keyOf(peer: Peer): string {
  return peer.unix ? "unix" : `${peer.address} ${peer.port}`;
}
