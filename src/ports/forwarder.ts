/**
 * The owner's side of forwarding: what shall be forwarded, what is, and the
 * worker that does it.
 * @module
 */
import { errorText } from "../util/errors.ts";
import type { Runtime, RuntimeWorker } from "../runtime/types.ts";
import type { PortLog } from "./log.ts";
import type { PortsEffect, WorkerCommand, WorkerEvent } from "./messages.ts";
import type { Targets } from "./scanner.ts";

/** How long the worker may take to close everything, in milliseconds. */
const STOP_LIMIT_MS = 200;

/** How to forward. */
export interface ForwarderOptions {
  /** The IPv4 address to listen on. */
  readonly address: string;
  /** The module forwarder_worker.ts. */
  readonly workerUrl: URL;
  readonly runtime: Pick<Runtime, "startWorker">;
  readonly log: PortLog;
  /** Milliseconds, 200 by default, that the worker may take to close everything. */
  readonly stopLimitMs?: number;
}

/** A port that is forwarded, or would be if its address were free. */
export interface ForwardedPort {
  readonly port: number;
  readonly targets: readonly string[];
  readonly listening: boolean;
  /** Why it does not listen, if it was tried. */
  readonly error?: string;
}

/** Forwards ports through a worker, which lives from the first port to `stop`. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #ports = new Map<number, ForwardedPort>();
  #worker: RuntimeWorker | undefined;
  #dying: Promise<void> = Promise.resolve();
  #stopping: Promise<PortsEffect> | undefined;
  #onStopped: ((effect: PortsEffect | undefined) => void) | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** What shall be forwarded and whether it is, in the order of ports. */
  get ports(): ForwardedPort[] {
    return [...this.#ports.values()].sort((a, b) => a.port - b.port);
  }

  /**
   * Forwards these ports and no others. Only what has changed reaches the
   * worker; a port that failed before is tried again.
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
   * Closes all listeners and connections and ends the worker. Resolves when
   * nothing of it is left, rejects if the thread does not end. The signal cuts
   * the wait for a worker that does not answer short.
   */
  stop(signal?: AbortSignal): Promise<PortsEffect> {
    this.#stopping ??= this.#stop(signal).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  #forward(port: number, targets: readonly string[]): void {
    const { address, log } = this.#options;
    const known = this.#ports.get(port);
    if (known?.listening) {
      log.info(`forwarding ${address}:${port} to ${targets.join(", ")} now`);
    }
    // The error of the last try stays until the worker has news.
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
    const { address, log } = this.#options;
    if (this.#ports.get(port)?.listening) {
      log.info(`no longer forwarding ${address}:${port}`);
    }
    this.#ports.delete(port);
    this.#post({ kind: "unforward", port });
  }

  /** Without a worker nothing is forwarded, and there is nothing to take back. */
  #post(order: WorkerCommand): void {
    this.#worker?.post(order);
  }

  #startWorker(): RuntimeWorker {
    const worker = this.#options.runtime.startWorker(this.#options.workerUrl, {
      onMessage: (news) => {
        if (worker === this.#worker) this.#onNews(news as WorkerEvent);
      },
      onError: (error) => {
        if (worker === this.#worker) this.#onDeath(worker, error);
      },
    });
    return worker;
  }

  #onNews(news: WorkerEvent): void {
    if (news.kind === "stopped") return this.#onStopped?.(news.effect);
    const known = this.#ports.get(news.port);
    // news of a port that has been taken back since
    if (known === undefined) return;
    if (news.kind === "listening") this.#onListening(known);
    else this.#onFailed(known, news.reason);
  }

  #onListening({ port, targets }: ForwardedPort): void {
    const { address, log } = this.#options;
    this.#ports.set(port, { port, targets, listening: true });
    log.info(`forwarding ${address}:${port} to ${targets.join(", ")}`);
  }

  #onFailed(known: ForwardedPort, error: string): void {
    const { address, log } = this.#options;
    const { port, targets } = known;
    this.#ports.set(port, { port, targets, listening: false, error });
    // said before: it is tried at every scan
    if (known.error === error) return;
    log.warn(`Cannot listen on ${address}:${port}: ${error}`);
  }

  /** The next `set` finds nothing forwarded and sets everything up again. */
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
      // Those for which no worker could be started.
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

  /** What the worker closed, or undefined if it does not say in time. */
  #confirmation(signal?: AbortSignal): Promise<PortsEffect | undefined> {
    const { stopLimitMs = STOP_LIMIT_MS } = this.#options;
    return new Promise((resolve) => {
      const done = (effect: PortsEffect | undefined) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
        this.#onStopped = undefined;
        resolve(effect);
      };
      const giveUp = () => done(undefined);
      const timer = setTimeout(giveUp, stopLimitMs);
      signal?.addEventListener("abort", giveUp);
      this.#onStopped = done;
      if (signal?.aborted) giveUp();
    });
  }
}
