/**
 * One forwarded port in the forwarder's worker: a listener on each forward address, and the
 * connections.
 * @module
 */
import { errorText } from "../util/errors.ts";
import { Counter } from "./counts.ts";
import type { Listen, Listening, RelayedConnection } from "./listen.ts";
import type { ListenFailure, PortCommand } from "./messages.ts";

/** The connections of all ports. */
export interface Connections {
  begin(connection: RelayedConnection): void;
  end(connection: RelayedConnection): void;
}

/** Listens on one port. */
export class WorkerPort {
  readonly counter: Counter;
  readonly #port: number;
  readonly #listen: Listen;
  readonly #connections: Connections;
  readonly #listeners = new Map<string, Listening>();
  #targets: readonly string[] = [];
  #proxyProtocol = false;
  #maxConnections = Infinity;

  constructor(
    port: number,
    listen: Listen,
    connections: Connections,
    totals: Counter,
  ) {
    this.#port = port;
    this.#listen = listen;
    this.#connections = connections;
    this.counter = new Counter(totals);
  }

  /** The addresses on which it listens. */
  get addresses(): string[] {
    return [...this.#listeners.keys()];
  }

  /**
   * Listens on these addresses and no others, for these targets. Resolves with the addresses on
   * which it could not listen.
   */
  async set(command: PortCommand): Promise<ListenFailure[]> {
    this.#targets = command.targets;
    this.#proxyProtocol = command.proxyProtocol;
    this.#maxConnections = command.maxConnections;
    for (const [address, listener] of this.#listeners) {
      if (command.addresses.includes(address)) continue;
      listener.close();
      this.#listeners.delete(address);
    }
    const failures: ListenFailure[] = command.taken.map((address) => ({
      address,
      reason: "EADDRINUSE",
    }));
    for (const address of command.addresses) {
      if (this.#listeners.has(address)) continue;
      try {
        this.#listeners.set(address, await this.#listenOn(address));
      } catch (error) {
        failures.push({ address, reason: errorText(error) });
      }
    }
    return failures;
  }

  /** Stops listening; open connections continue. */
  close(): void {
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  #listenOn(address: string): Listening | Promise<Listening> {
    return this.#listen({
      address,
      port: this.#port,
      counter: this.counter,
      isFull: () => this.counter.open >= this.#maxConnections,
      targets: () => this.#targets,
      proxyProtocol: () => this.#proxyProtocol,
      onConnection: (connection) => {
        this.counter.begin();
        this.#connections.begin(connection);
      },
      onEnd: (connection) => {
        this.counter.end();
        this.#connections.end(connection);
      },
    });
  }
}
