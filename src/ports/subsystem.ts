/**
 * The port subsystem: scans for ports of the workload at an interval, and forwards the ports that it
 * finds.
 * @module
 */
import { networkInterfaces } from "node:os";
import { errorText } from "../util/errors.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import {
  type ForwardedPort,
  Forwarder,
  type ForwarderOptions,
} from "./forwarder.ts";
import { ScanErrors } from "./log.ts";
import type { PortsEffect } from "./messages.ts";
import { type PortScanner, Scanner, type ScannerOptions } from "./scanner.ts";

/**
 * How to find and forward ports. Nothing is forwarded while no interface has the forward address.
 */
export interface PortSubsystemOptions
  extends ForwarderOptions, Omit<ScannerOptions, "paths"> {
  /** From the end of one scan to the next, in milliseconds. */
  readonly scanIntervalMs: number;
  /** Defers the first scan, so that the caller of a recovery does not wait for it. */
  readonly queue: Pick<DeferredQueue, "defer">;
  /** Replaces the scanner that reads /proc/net. */
  readonly scanner?: PortScanner;
  /** Whether an interface has the address; replaces the question to the kernel. */
  readonly hasAddress?: (address: string) => boolean;
}

/** The state of the subsystem. */
export interface PortStatus {
  /** `resting`: started, but no interface has the forward address. */
  readonly state: "running" | "stopped" | "resting";
  readonly ports: readonly ForwardedPort[];
}

/** Scans and forwards between `start` and `stop`; both may be called many times. */
export class PortSubsystem {
  readonly #options: PortSubsystemOptions;
  readonly #scanner: PortScanner;
  readonly #forwarder: Forwarder;
  readonly #errors: ScanErrors;
  /** One object per start: a scan of an earlier run then has no effect. */
  #run: object | undefined;
  #resting = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #stopping: Promise<PortsEffect> | undefined;

  constructor(options: PortSubsystemOptions) {
    this.#options = options;
    this.#errors = new ScanErrors(options.log);
    this.#scanner = options.scanner ?? new Scanner(options);
    this.#forwarder = new Forwarder(options);
  }

  /** Starts scanning in a later turn, after a `stop` that is under way. */
  start(): void {
    if (this.#run !== undefined) return;
    const run = this.#run = {};
    this.#options.queue.defer(() => this.#begin(run));
  }

  /**
   * Stops scanning and closes everything. Resolves when no timer, listener, connection or thread is
   * left; rejects if the thread does not end. If the signal aborts, the worker is ended without
   * waiting for its answer.
   */
  stop(signal?: AbortSignal): Promise<PortsEffect> {
    this.#run = undefined;
    clearTimeout(this.#timer);
    this.#stopping ??= this.#stop(signal).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** Removes what the kernel has of the forwarder; must be called after the last `stop`. */
  dispose(): void {
    this.#forwarder.dispose();
  }

  /** The ports that were found, and which of them are forwarded. */
  status(): PortStatus {
    const state = this.#run === undefined
      ? "stopped"
      : this.#resting
      ? "resting"
      : "running";
    return { state, ports: this.#forwarder.ports };
  }

  async #stop(signal?: AbortSignal): Promise<PortsEffect> {
    await this.#ticking;
    this.#scanner.close();
    return await this.#forwarder.stop(signal);
  }

  #begin(run: object): void {
    this.#ticking = this.#tick(run);
  }

  async #tick(run: object): Promise<void> {
    // The caller of stop gets its error.
    await Promise.allSettled([this.#stopping]);
    if (this.#run !== run) return;
    try {
      await this.#scan(run);
      this.#errors.clear();
    } catch (error) {
      this.#errors.report(`Cannot scan for ports: ${errorText(error)}`);
    }
    if (this.#run !== run) return;
    const { scanIntervalMs } = this.#options;
    this.#timer = setTimeout(() => this.#begin(run), scanIntervalMs);
  }

  async #scan(run: object): Promise<void> {
    const { forwardAddress, hasAddress = onInterface } = this.#options;
    this.#rest(!hasAddress(forwardAddress));
    if (this.#resting) return this.#forwarder.set(new Map());
    const targets = await this.#scanner.scan();
    if (this.#run === run) this.#forwarder.set(targets);
  }

  #rest(resting: boolean): void {
    if (resting === this.#resting) return;
    this.#resting = resting;
    const { forwardAddress, log } = this.#options;
    log.info(
      resting
        ? `port forwarding rests: no interface has ${forwardAddress}`
        : `port forwarding starts: an interface has ${forwardAddress} now`,
    );
  }
}

/** The kernel accepts all addresses of 127.0.0.0/8 on loopback, but lists only one of them. */
function onInterface(address: string): boolean {
  if (address.startsWith("127.")) return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((one) => one.address === address)
  );
}
