/**
 * The port subsystem: scans for ports of the workload at an interval, and forwards the ports that it
 * finds.
 * @module
 */
import { networkInterfaces } from "node:os";
import { canonicalIp } from "../linux/ip.ts";
import { errorText } from "../util/errors.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { ForwardedPort, PortChange } from "./forwarded_ports.ts";
import { type Counts, sumOf } from "./counts.ts";
import { Finder, type FinderOptions } from "./finder.ts";
import { Forwarder, type ForwarderOptions } from "./forwarder.ts";
import { ScanErrors } from "./log.ts";
import type { PortsEffect } from "./messages.ts";
import type { PortRules } from "./rules.ts";

/**
 * How to find and forward ports. Nothing is forwarded while no interface has a forward address.
 */
export interface PortSubsystemOptions
  extends Omit<ForwarderOptions, "protocol" | "onChange">, FinderOptions {
  /** From the end of one scan to the next, in milliseconds. */
  readonly scanIntervalMs: number;
  /** Defers the first scan, so that the caller of a recovery does not wait for it. */
  readonly queue: Pick<DeferredQueue, "defer">;
  /** Whether an interface has the address; replaces the question to the kernel. */
  readonly hasAddress?: (address: string) => boolean;
}

/** What is found while no interface has a forward address. */
const NOTHING = { tcp: new Map(), udp: new Map() } as const;

/** The state of the subsystem. */
export interface PortStatus {
  /** `resting`: started, but no interface has a forward address. */
  readonly state: "running" | "stopped" | "resting";
  readonly ports: readonly ForwardedPort[];
}

/** Scans and forwards between `start` and `stop`; both may be called many times. */
export class PortSubsystem {
  readonly #options: PortSubsystemOptions;
  readonly #finder: Finder;
  readonly #tcp: Forwarder;
  /** With a worker of its own; undefined if UDP is not forwarded. */
  readonly #udp: Forwarder | undefined;
  readonly #errors: ScanErrors;
  readonly #watchers = new Set<(change: PortChange) => void>();
  /** The forward addresses that an interface has. */
  #addresses: readonly string[] = [];
  /** One object per start: a scan of an earlier run then has no effect. */
  #run: object | undefined;
  #resting = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #stopping: Promise<PortsEffect> | undefined;

  constructor(options: PortSubsystemOptions) {
    this.#options = options;
    this.#errors = new ScanErrors(options.log);
    this.#finder = new Finder(options);
    const onChange = (change: PortChange) => {
      for (const watcher of this.#watchers) watcher(change);
    };
    this.#tcp = new Forwarder({ ...options, onChange });
    this.#udp = options.forwardUdp
      ? new Forwarder({
        ...{ ...options, onChange, protocol: "udp" },
        proxyProtocol: undefined,
      })
      : undefined;
  }

  /** The rules that choose the ports. */
  get rules(): PortRules {
    return this.#finder.rules;
  }

  /** The forward addresses that an interface has. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** The forwarders, for what they know about their ports. */
  get forwarders(): readonly Pick<
    Forwarder,
    "protocol" | "entries" | "counts"
  >[] {
    return this.#udp === undefined ? [this.#tcp] : [this.#tcp, this.#udp];
  }

  /** Calls the watcher for each port that is forwarded from now on, or no longer. Returns the end of it. */
  watch(watcher: (change: PortChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
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
    this.#tcp.dispose();
  }

  /**
   * Chooses the ports by other rules from now on, also after later starts. Resolves when the ports
   * have been chosen again; at once while it is stopped, when this does no work.
   */
  async setRules(rules: PortRules): Promise<void> {
    this.#finder.rules = rules;
    const run = this.#run;
    if (run === undefined) return;
    clearTimeout(this.#timer);
    await this.#begin(run);
  }

  /** The ports that were found, and which of them are forwarded. */
  status(): PortStatus {
    const state = this.#run === undefined
      ? "stopped"
      : this.#resting
      ? "resting"
      : "running";
    return { state, ports: this.#tcp.ports };
  }

  /** How many ports are forwarded, and the counts of all of them since the start of the agent. */
  async counts(): Promise<{ readonly ports: number; readonly counts: Counts }> {
    const all = await Promise.all(this.forwarders.map((one) => one.counts()));
    const entries = this.forwarders.flatMap((one) => one.entries);
    return {
      ports: entries.filter(({ addresses }) => addresses.length > 0).length,
      counts: all.map(({ totals }) => totals).reduce(sumOf),
    };
  }

  async #stop(signal?: AbortSignal): Promise<PortsEffect> {
    await this.#ticking;
    this.#finder.close();
    this.#addresses = [];
    const stops = [this.#tcp.stop(signal), this.#udp?.stop(signal)];
    // Both end before the error of one of them is reported.
    await Promise.allSettled(stops);
    const effects = await Promise.all(stops);
    return {
      ports: effects.reduce((sum, one) => sum + (one?.ports ?? 0), 0),
      connections: effects.reduce(
        (sum, one) => sum + (one?.connections ?? 0),
        0,
      ),
    };
  }

  #begin(run: object): Promise<void> {
    // One scan after the other, also if the rules change before the first one.
    return this.#ticking = this.#ticking.then(() => this.#tick(run));
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
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(run), scanIntervalMs);
  }

  async #scan(run: object): Promise<void> {
    const { forwardAddresses, hasAddress = onInterface() } = this.#options;
    const addresses = forwardAddresses.filter((one) => hasAddress(one));
    this.#rest(addresses);
    const found = this.#resting ? NOTHING : await this.#finder.find();
    if (this.#run !== run) return;
    this.#addresses = addresses;
    this.#tcp.set(found.tcp, addresses, this.#finder.isTaken);
    this.#udp?.set(found.udp, addresses);
  }

  #rest(addresses: readonly string[]): void {
    const resting = addresses.length === 0;
    if (resting === this.#resting) return;
    this.#resting = resting;
    const { forwardAddresses, log } = this.#options;
    log.info(
      resting
        ? `port forwarding rests: no interface has ${
          forwardAddresses.join(" or ")
        }`
        : `port forwarding starts: an interface has ${
          addresses.join(", ")
        } now`,
    );
  }
}

/**
 * Asks whether an interface has an address. The kernel accepts all addresses of 127.0.0.0/8 on
 * loopback, but lists only one of them.
 */
function onInterface(): (address: string) => boolean {
  let listed: Set<string> | undefined;
  return (address) => {
    if (address.startsWith("127.")) return true;
    listed ??= new Set(
      Object.values(networkInterfaces()).flatMap((addresses = []) =>
        addresses.map((one) => canonicalIp(one.address))
      ),
    );
    return listed.has(canonicalIp(address));
  };
}
