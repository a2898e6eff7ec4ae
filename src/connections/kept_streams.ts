/**
 * What the tracker knows of streams of events. The code that keeps their connections is loaded at the
 * first stream.
 * @module
 */
import type { Connection } from "../linux/connection.ts";
import { UNIX_PEER } from "../linux/connections.ts";
import type { Peer } from "../runtime/types.ts";
import type { Exchange } from "./exchange.ts";
import type { EndStream } from "./stream_ends.ts";
import type { Streams, StreamsOptions } from "./streams.ts";

/** The streams, and the connections that stay open because of them. */
export class KeptStreams {
  readonly #options: StreamsOptions;
  /** Undefined until the first stream begins. */
  #streams: Streams | undefined;
  /** The inodes of the unix connections that a prepare left open because of streams. */
  #leftUnix: ReadonlySet<string> = new Set();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** As {@linkcode Streams.begin}; marks the exchange. */
  async begin(
    exchange: Exchange,
    end: EndStream,
  ): Promise<(() => void) | undefined> {
    const { Streams } = await import("./streams.ts");
    this.#streams ??= new Streams(this.#options);
    const ended = this.#streams.begin(exchange.peer, end);
    exchange.isStream = ended !== undefined;
    return ended;
  }

  /** Whether the runtime writes a stream to this connection; of unix connections, to any. */
  has(peer: Peer): boolean {
    return this.#streams?.has(peer) === true;
  }

  /** The connections that are not parked. */
  known(connections: Connection[]): Connection[] {
    const streams = this.#streams;
    if (streams === undefined) return connections;
    return connections.filter((connection) => !streams.isParked(connection));
  }

  /** Has to be called when a prepare has closed the connections that wait for no reply. */
  quiesce(): void {
    const left = this.has(UNIX_PEER) ? this.#options.list(["paths"]) : [];
    this.#leftUnix = new Set(left.map(({ inode }) => inode));
  }

  /** The unix connections that were open at {@linkcode quiesce}: some carried streams. */
  unixLeft(): Connection[] {
    const left = this.#leftUnix;
    if (left.size === 0) return [];
    return this.#options.list(["paths"]).filter(({ inode }) => left.has(inode));
  }

  /** As {@linkcode Streams.park}. */
  async park(isOver: () => boolean, sends?: "now" | "before"): Promise<void> {
    await this.#streams?.park(isOver, sends);
  }

  /** As {@linkcode Streams.release}. */
  release(
    connections: Iterable<Connection>,
    onError: (error: unknown) => void,
  ): ReadonlySet<Connection> | undefined {
    return this.#streams?.release(connections, onError);
  }
}
