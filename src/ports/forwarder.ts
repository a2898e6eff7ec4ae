/**
 * The owner's part of forwarding: the ports to forward, the ports that are forwarded, and the worker
 * that forwards them.
 * @module
 */
import { errorText } from "../util/errors.ts";
import {
  type ForwardedPort,
  type PortEntry,
  PortTable,
} from "./forwarded_ports.ts";
import type {
  PortCommand,
  PortsEffect,
  Protocol,
  WorkerCommand,
  WorkerEvent,
} from "./messages.ts";
import type { ForwarderOptions } from "./forwarder_options.ts";
import type { Targets } from "./scanner.ts";
import { Steerings } from "./steerings.ts";
import { type PortCounts, WorkerCounts } from "./worker_counts.ts";
import { type Stopped, WorkerThread } from "./worker_thread.ts";

/** How long the worker may take to close everything, in milliseconds. */
const STOP_LIMIT_MS = 200;

/** Forwards ports by a worker, which exists from the first port until `stop`. */
export class Forwarder {
  readonly protocol: Protocol;
  readonly #options: ForwarderOptions;
  readonly #steerings: Steerings;
  /** The addresses of which the worker has been told. */
  readonly #steered = new Set<string>();
  readonly #table: PortTable;
  #worker: WorkerThread | undefined;
  #dying: Promise<void> = Promise.resolve();
  #stopping: Promise<PortsEffect> | undefined;
  readonly #counts = new WorkerCounts();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.protocol = options.protocol ?? "tcp";
    const steer = this.protocol === "tcp" && options.steer !== false;
    this.#steerings = new Steerings({ ...options, steer });
    this.#table = new PortTable(options);
  }

  /** All ports to forward, with their state, in the order of their numbers. */
  get ports(): ForwardedPort[] {
    return this.#table.ports;
  }

  /** Whether a port of a forward address is bound, because the kernel does not steer its clients. */
  get holdsPorts(): boolean {
    return this.#table.some(({ addresses }) =>
      addresses.some((address) => !this.#steerings.has(address))
    );
  }

  /** Whether each port is forwarded wherever it is to be. */
  get isSettled(): boolean {
    return !this.#table.some(({ addresses, error }) =>
      addresses.length === 0 || error !== undefined
    );
  }

  /** The same with everything that is known about each. */
  get entries(): PortEntry[] {
    return this.#table.entries;
  }

  /**
   * Forwards these ports and no others, from these addresses. The worker gets only the changes, and
   * tries again to listen where it could not listen before. Clients of an address that is taken are
   * not steered away from the program that listens there.
   */
  set(
    targets: Targets,
    addresses: readonly string[] = this.#options.forwardAddresses,
    isTaken: (address: string, port: number) => boolean = () => false,
  ): void {
    if (this.#stopping !== undefined) {
      throw new Error("Cannot forward ports: the forwarder is being stopped");
    }
    for (const port of this.#table.without(targets)) {
      this.#table.remove(port);
      this.#post({ kind: "unforward", port });
    }
    const commands: PortCommand[] = [];
    const { proxyProtocol } = this.#options;
    for (const [port, list] of targets) {
      const taken = addresses.filter((address) =>
        this.#steerings.has(address) && isTaken(address, port)
      );
      const free = addresses.filter((address) => !taken.includes(address));
      if (!this.#table.want(port, list, free)) continue;
      try {
        this.#worker ??= this.#startWorker();
      } catch (error) {
        const reason = errorText(error);
        const failures = addresses.map((address) => ({ address, reason }));
        this.#table.forwarded(port, [], failures);
        continue;
      }
      for (const address of free) this.#steer(address);
      commands.push({
        ...{ addresses: free, taken, port, targets: list },
        proxyProtocol: proxyProtocol?.(port) ?? false,
        maxConnections: this.#options.maxConnections ?? Infinity,
      });
    }
    if (commands.length === 0) return;
    this.#post({ kind: "forward", protocol: this.protocol, ports: commands });
  }

  /**
   * Counts connections and bytes; the last known numbers if the worker does not answer or is being
   * ended. Without a worker, no thread is woken.
   */
  async counts(): Promise<PortCounts> {
    if (this.#worker !== undefined && this.#stopping === undefined) {
      await this.#counts.wait(() => this.#post({ kind: "count" }));
    }
    return this.#counts.known;
  }

  /**
   * Closes all listeners and connections and ends the worker. Resolves when all of them are closed
   * and the thread has ended; rejects if the thread does not end. If the signal aborts, the worker
   * is ended without waiting for its answer.
   */
  stop(signal?: AbortSignal): Promise<PortsEffect> {
    this.#stopping ??= this.#stop(signal).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** Removes what the kernel has of the forwarder; must be called after `stop`. */
  dispose(): void {
    this.#steerings[Symbol.dispose]();
  }

  /** Does nothing without a worker: then nothing is forwarded. */
  #post(command: WorkerCommand): void {
    this.#worker?.post(command);
  }

  #startWorker(): WorkerThread {
    const { libc, runtime, workerUrl } = this.#options;
    const worker = new WorkerThread({
      ...{ libc, runtime, workerUrl },
      onEvent: (event) => this.#onEvent(event),
      onDeath: (error) => this.#onDeath(worker, error),
    });
    this.#steered.clear();
    return worker;
  }

  /** Tells the worker once if the kernel steers the clients of the address. */
  #steer(address: string): void {
    if (this.#steered.has(address)) return;
    this.#steered.add(address);
    const command = this.#steerings.commandFor(address);
    if (command !== undefined) this.#post(command);
  }

  #onEvent(event: Exclude<WorkerEvent, Stopped>): void {
    if (event.kind === "counted") return this.#counts.tell(event);
    for (const { port, addresses, failures } of event.ports) {
      this.#table.forwarded(port, addresses, failures);
    }
  }

  /** Forgets all ports, so that the next `set` forwards them again by another worker. */
  #onDeath(worker: WorkerThread, error: Error): void {
    this.#options.log.warn(`Cannot go on forwarding: ${error.message}`);
    this.#forget();
    this.#options.onDeath?.();
    this.#dying = worker.terminate().catch((reason) => {
      this.#options.log.warn(errorText(reason));
    });
  }

  /** Forgets the worker and all ports; its counts stay in the totals. */
  #forget(): void {
    this.#worker?.forget();
    this.#worker = undefined;
    this.#table.clear();
    this.#counts.forget();
  }

  async #stop(signal?: AbortSignal): Promise<PortsEffect> {
    const worker = this.#worker;
    if (worker === undefined) {
      // The ports for which no worker could be started.
      this.#table.clear();
      await this.#dying;
      return { ports: 0, connections: 0 };
    }
    const listening = this.ports.filter((port) => port.listening).length;
    const limitMs = this.#options.stopLimitMs ?? STOP_LIMIT_MS;
    const stopping = worker.stop({ limitMs, signal });
    this.#counts.endWaiting();
    const stopped = await stopping;
    if (stopped !== undefined) this.#counts.tellTotals(stopped.totals);
    this.#forget();
    if (stopped === undefined) {
      this.#options.log.warn(
        `Cannot count the connections of the forwarder: it did not answer in time`,
      );
    }
    await Promise.all([worker.terminate(), this.#dying]);
    return stopped?.effect ?? { ports: listening, connections: 0 };
  }
}
