/**
 * The owner's part of forwarding: the ports to forward, the ports that are forwarded, and the worker
 * that forwards them.
 * @module
 */
import { endEarly } from "../util/within.ts";
import { errorText } from "../util/errors.ts";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { resetOnClose } from "../linux/socket_option.ts";
import type { Runtime, RuntimeWorker } from "../runtime/types.ts";
import type { PortLog } from "./log.ts";
import type { PortsEffect, WorkerCommand, WorkerEvent } from "./messages.ts";
import { Steerings } from "./steerings.ts";
import type { Targets } from "./scanner.ts";

/** How long the worker may take to close everything, in milliseconds. */
const STOP_LIMIT_MS = 200;

/** How to forward. */
export interface ForwarderOptions {
  /** The IPv4 address to forward from. */
  readonly forwardAddress: string;
  /** The module forwarder_worker.ts, at the place where the build has put it. */
  readonly workerUrl: URL;
  readonly runtime: Pick<Runtime, "startWorker">;
  readonly libc: Libc;
  readonly log: PortLog;
  /** Milliseconds, 200 by default, that the worker may take to close everything. */
  readonly stopLimitMs?: number;
  /** False to listen on each port, as on a kernel that cannot steer clients to one socket. */
  readonly steer?: boolean;
}

/** A port that is forwarded, or that could not be forwarded yet. */
export interface ForwardedPort {
  readonly port: number;
  readonly targets: readonly string[];
  readonly listening: boolean;
  /** Why the worker does not listen on it, if it has tried. */
  readonly error?: string;
}

/** Forwards ports by a worker, which exists from the first port until `stop`. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #ports = new Map<number, ForwardedPort>();
  readonly #steerings: Steerings;
  #worker: RuntimeWorker | undefined;
  #dying: Promise<void> = Promise.resolve();
  #stopping: Promise<PortsEffect> | undefined;
  #onStopped: ((effect: PortsEffect | undefined) => void) | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#steerings = new Steerings(options);
  }

  /** All ports to forward, with their state, in the order of their numbers. */
  get ports(): ForwardedPort[] {
    return [...this.#ports.values()].sort((a, b) => a.port - b.port);
  }

  /**
   * Forwards these ports and no others. The worker gets only the changes, and tries again to listen
   * on ports on which it could not listen before.
   */
  set(targets: Targets): void {
    if (this.#stopping !== undefined) {
      throw new Error("Cannot forward ports: the forwarder is being stopped");
    }
    for (const port of [...this.#ports.keys()]) {
      if (!targets.has(port)) this.#remove(port);
    }
    for (const [port, addresses] of targets) {
      const known = this.#ports.get(port);
      if (
        known === undefined || known.error !== undefined ||
        known.targets.join() !== addresses.join()
      ) this.#forward(port, addresses);
    }
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

  #forward(port: number, targets: readonly string[]): void {
    const { forwardAddress: address, log } = this.#options;
    const known = this.#ports.get(port);
    if (known?.listening) {
      log.info(`forwarding ${address}:${port} to ${targets.join(", ")} now`);
    }
    // The error of the last try stays until the next event of the worker.
    const entry = { listening: false, ...known, port, targets };
    this.#ports.set(port, entry);
    try {
      this.#worker ??= this.#startWorker();
    } catch (error) {
      return this.#onFailed(entry, errorText(error));
    }
    this.#post({ kind: "forward", address, port, targets });
  }

  #remove(port: number): void {
    const { forwardAddress: address, log } = this.#options;
    if (this.#ports.get(port)?.listening) {
      log.info(`no longer forwarding ${address}:${port}`);
    }
    this.#ports.delete(port);
    this.#post({ kind: "unforward", port });
  }

  /** Does nothing without a worker: then nothing is forwarded. */
  #post(command: WorkerCommand): void {
    this.#worker?.post(command);
  }

  #startWorker(): RuntimeWorker {
    const { libc, runtime, workerUrl } = this.#options;
    const worker = runtime.startWorker(workerUrl, {
      onMessage: (event) => {
        if (worker === this.#worker) this.#onEvent(event as WorkerEvent);
      },
      onError: (error) => {
        if (worker === this.#worker) this.#onDeath(worker, error);
      },
      onDescriptorLeft(fd) {
        resetOnClose(libc, fd);
        requireSymbol(libc, "close")(fd);
      },
    });
    const { forwardAddress: address } = this.#options;
    const command = this.#steerings.commandFor(address);
    if (command !== undefined) worker.post(command);
    return worker;
  }

  #onEvent(event: WorkerEvent): void {
    if (event.kind === "stopped") return this.#onStopped?.(event.effect);
    const known = this.#ports.get(event.port);
    // The port has been removed since.
    if (known === undefined) return;
    if (event.kind === "listening") this.#onListening(known);
    else this.#onFailed(known, event.reason);
  }

  #onListening({ port, targets }: ForwardedPort): void {
    const { forwardAddress: address, log } = this.#options;
    this.#ports.set(port, { port, targets, listening: true });
    log.info(`forwarding ${address}:${port} to ${targets.join(", ")}`);
  }

  #onFailed(known: ForwardedPort, error: string): void {
    const { forwardAddress: address, log } = this.#options;
    const { port, targets } = known;
    this.#ports.set(port, { port, targets, listening: false, error });
    // Logged before; every scan tries again.
    if (known.error === error) return;
    log.warn(`Cannot listen on ${address}:${port}: ${error}`);
  }

  /** Forgets all ports, so that the next `set` forwards them again by another worker. */
  #onDeath(worker: RuntimeWorker, error: Error): void {
    this.#options.log.warn(`Cannot go on forwarding: ${error.message}`);
    this.#worker = undefined;
    this.#ports.clear();
    this.#onStopped?.(undefined);
    this.#dying = worker.terminate().catch((reason) => {
      this.#options.log.warn(errorText(reason));
    });
  }

  async #stop(signal?: AbortSignal): Promise<PortsEffect> {
    const worker = this.#worker;
    if (worker === undefined) {
      // The ports for which no worker could be started.
      this.#ports.clear();
      await this.#dying;
      return { ports: 0, connections: 0 };
    }
    const listening = this.ports.filter((port) => port.listening).length;
    const confirmed = this.#confirmation(signal);
    worker.post({ kind: "stop" } satisfies WorkerCommand);
    const effect = await confirmed;
    this.#worker = undefined;
    this.#ports.clear();
    if (effect === undefined) {
      this.#options.log.warn(
        `Cannot count the connections of the forwarder: it did not answer in time`,
      );
    }
    await Promise.all([worker.terminate(), this.#dying]);
    return effect ?? { ports: listening, connections: 0 };
  }

  /** The number of listeners and connections that the worker closed; undefined at the limit. */
  #confirmation(signal?: AbortSignal): Promise<PortsEffect | undefined> {
    const limits = {
      limitMs: this.#options.stopLimitMs ?? STOP_LIMIT_MS,
      signal,
    };
    return new Promise((resolve) => {
      const cancel = endEarly(limits, () => done(undefined));
      const done = (effect: PortsEffect | undefined) => {
        cancel();
        this.#onStopped = undefined;
        resolve(effect);
      };
      this.#onStopped = done;
    });
  }
}
