/**
 * Counts the connections and bytes of forwarded ports.
 * @module
 */

/** Numbers of one port, or of all ports together. */
export interface Counts {
  /** Connections that were accepted; for UDP, clients. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes from clients, and to clients. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** No connections and no bytes. */
export const NO_COUNTS: Counts = {
  connections: 0,
  open: 0,
  bytesIn: 0,
  bytesOut: 0,
};

/** Adds the numbers of two counts. */
export function sumOf(a: Counts, b: Counts): Counts {
  return {
    connections: a.connections + b.connections,
    open: a.open + b.open,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  };
}

/** Counts for one port, and at the same time for all ports. */
export class Counter implements Counts {
  connections = 0;
  open = 0;
  bytesIn = 0;
  bytesOut = 0;
  readonly #totals: Counter | undefined;

  constructor(totals?: Counter) {
    this.#totals = totals;
  }

  /** Counts a connection that begins. */
  begin(): void {
    this.connections++;
    this.open++;
    this.#totals?.begin();
  }

  /** Counts a connection that ends. */
  end(): void {
    this.open--;
    this.#totals?.end();
  }

  /** Counts bytes from a client. */
  received(bytes: number): void {
    this.bytesIn += bytes;
    this.#totals?.received(bytes);
  }

  /** Counts bytes to a client. */
  sent(bytes: number): void {
    this.bytesOut += bytes;
    this.#totals?.sent(bytes);
  }

  /** The numbers now. */
  get now(): Counts {
    const { connections, open, bytesIn, bytesOut } = this;
    return { connections, open, bytesIn, bytesOut };
  }
}
