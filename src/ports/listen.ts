/**
 * What of the forwarder's worker differs between the runtimes: who listens on a
 * port and carries what comes in.
 * @module
 */
import type { Descriptors } from "./relay/descriptors.ts";

/** One connection: a client's, and the one to its target. */
export interface RelayedConnection {
  /**
   * Resets both: a connection that is closed in the middle must not look
   * complete, and one that is reset leaves nothing behind in the kernel.
   */
  reset(): void;
}

/** Where to listen, and who hears of what happens. */
export interface ListenOptions {
  readonly address: string;
  readonly port: number;
  /** Addresses to dial in turn, as they are when a client comes. */
  readonly targets: () => readonly string[];
  readonly onListening: () => void;
  /** It does not listen, and is closed. */
  readonly onError: (error: unknown) => void;
  readonly onConnection: (connection: RelayedConnection) => void;
  /** Of this connection nothing is left. */
  readonly onEnd: (connection: RelayedConnection) => void;
}

/** A port that is listened on. */
export interface Listening {
  /** Takes no more clients; those that came live on. */
  close(onClosed: () => void): void;
}

/** Listens; the outcome comes in a later turn of the event loop. */
export type Listen = (options: ListenOptions) => Listening;

/** What a runtime's module for it has. */
export interface ListenModule {
  readonly listen: Listen;
  /** Where it opens descriptors that outlive its thread. */
  readonly descriptors?: Descriptors;
}
