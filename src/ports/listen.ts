/**
 * The part of the forwarder's worker that differs between the runtimes: listening on a port, and
 * relaying the bytes of its connections.
 * @module
 */
import type { Libc } from "../linux/libc.ts";
import type { Counter } from "./counts.ts";
import type { Descriptors } from "./relay/descriptors.ts";

/** Two connections: from a client, and to its target. */
export interface RelayedConnection {
  /** The socket of a TCP client while it is open. */
  readonly clientFd?: number | undefined;
  /**
   * Resets both connections. A connection that ends in the middle must not look complete, and a
   * connection that is reset leaves no state in the kernel.
   */
  reset(): void;
}

/** Where to listen, and the callbacks. */
export interface ListenOptions {
  readonly address: string;
  readonly port: number;
  /** The addresses to dial, in this order; called for each client. */
  readonly targets: () => readonly string[];
  /** Whether each target first gets the header of the PROXY protocol; called for each client. */
  readonly proxyProtocol: () => boolean;
  /** Whether the port has as many connections as it may have; asked for each client. */
  readonly isFull: () => boolean;
  /** Counts the bytes. */
  readonly counter: Pick<Counter, "received" | "sent">;
  readonly onConnection: (connection: RelayedConnection) => void;
  /** Both sockets of this connection are closed. */
  readonly onEnd: (connection: RelayedConnection) => void;
}

/** One socket that gets the clients of many ports. */
export interface SharedListenOptions {
  readonly address: string;
  /** Chosen by the kernel if it is 0. */
  readonly port: number;
  /** The options for a client of that port; a client of any other port is reset. */
  readonly forPort: (port: number) => ListenOptions | undefined;
}

/** A listener on a port. */
export interface Listening {
  /** Accepts no more clients; open connections continue. */
  close(): void;
  /** The socket that listens, if it is for this port alone. */
  readonly fd?: number;
}

/** Listens; throws or rejects if that is impossible. */
export type Listen = (options: ListenOptions) => Listening | Promise<Listening>;

/** The exports of each runtime's module. */
export interface ListenModule {
  readonly listen: (
    options: ListenOptions | SharedListenOptions,
  ) => Required<Listening>;
  /** The id of the worker's thread. */
  readonly threadId: () => number;
  /** The C library of the worker's thread. */
  readonly loadLibc: () => Libc;
  /**
   * Called before the thread ends, after all listeners and connections are closed. Resolves when
   * nothing of the module is left behind, and no other thread uses a descriptor of it. Before that, the
   * number of a closed descriptor may be one of another file, for which that thread then waits.
   */
  readonly ended?: () => Promise<void>;
  /** Given if the module opens descriptors that stay open when its thread ends. */
  readonly descriptors?: Descriptors;
}
