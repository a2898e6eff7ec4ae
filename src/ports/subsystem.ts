/**
 * The port subsystem: scans for ports of the workload when the kernel reports a change, otherwise at
 * an interval, and forwards the ports that it finds.
 * @module
 */
import { errorText } from "../util/errors.ts";
import type { PortChange } from "./forwarded_ports.ts";
import type { Counts } from "./counts.ts";
import { Finder, type Found, isSame } from "./finder.ts";
import type { Forwarder } from "./forwarder.ts";
import { ForwardAddresses } from "./forward_addresses.ts";
import { Forwarders } from "./forwarders.ts";
import { ListenWatch } from "./listen_watch.ts";
import { ScanErrors } from "./log.ts";
import type { PortsEffect } from "./messages.ts";
import type { PortRules } from "./rules.ts";
import { type ScanResult, ScanTimer } from "./scan_timer.ts";
import type { PortStatus, PortSubsystemOptions } from "./subsystem_options.ts";

/**
 * Milliseconds from a recovery to the ports that were forwarded before it: the reply is sent first.
 */
const RESUME_MS = 5;

/** What is found while no interface has a forward address. */
const NOTHING = { tcp: new Map(), udp: new Map() } as const;

/** Scans and forwards between `start` and `stop`; both may be called many times. */
export class PortSubsystem {
  readonly #options: PortSubsystemOptions;
  readonly #finder: Finder;
  readonly #forwarders: Forwarders;
  readonly #errors: ScanErrors;
  readonly #watchers = new Set<(change: PortChange) => void>();
  readonly #addresses: ForwardAddresses;
  /** One object per start: a scan of an earlier run then has no effect. Resolves at the stop. */
  #run: PromiseWithResolvers<void> | undefined;
  readonly #scans: ScanTimer;
  readonly #watch: ListenWatch;
  /** What the last scan found; the next start forwards it without a scan. */
  #last: Found | undefined;
  #resuming: ReturnType<typeof setTimeout> | undefined;
  #ticking: Promise<void> = Promise.resolve();
  #stopping: Promise<PortsEffect> | undefined;

  constructor(options: PortSubsystemOptions) {
    this.#options = options;
    this.#errors = new ScanErrors(options.log);
    this.#finder = new Finder(options);
    this.#addresses = new ForwardAddresses(options);
    const onChange = (change: PortChange) => {
      for (const watcher of this.#watchers) watcher(change);
    };
    this.#scans = new ScanTimer(options.scanIntervalMs, options.timers);
    const { log, libc, runtime, openReports: open } = options;
    const onEvent = () => this.#scans.changed();
    this.#watch = new ListenWatch({ log, libc, runtime, open, onEvent });
    // The next scan forwards all ports by another worker.
    const onDeath = () => this.#scans.retry();
    this.#forwarders = new Forwarders(
      { ...options, onChange, onDeath },
      options.forwardUdp ?? false,
    );
  }

  /** The rules that choose the ports. */
  get rules(): PortRules {
    return this.#finder.rules;
  }

  /** The forward addresses that an interface has. */
  get addresses(): readonly string[] {
    return this.#addresses.present;
  }

  /** The forwarders, for what they know about their ports. */
  get forwarders(): readonly Pick<
    Forwarder,
    "protocol" | "entries" | "counts"
  >[] {
    return this.#forwarders.all;
  }

  /** Calls the watcher for each port that is forwarded from now on, or no longer. Returns the end of it. */
  watch(watcher: (change: PortChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /**
   * Starts in a later turn, after a `stop` that is under way. The ports that were forwarded before
   * that stop are forwarded first, without a scan.
   */
  start(): void {
    if (this.#run !== undefined) return;
    const run = this.#run = Promise.withResolvers<void>();
    this.#scans.start(() => this.#begin(run));
    if (hasPorts(this.#last)) {
      this.#resuming = setTimeout(() => this.#resume(run), RESUME_MS);
    }
    this.#options.queue.defer(() => this.#first(run));
  }

  /**
   * Stops scanning and closes everything. Resolves when no timer, listener, connection or thread is
   * left; rejects if the thread does not end. If the signal aborts, the worker is ended without
   * waiting for its answer.
   */
  stop(signal?: AbortSignal): Promise<PortsEffect> {
    this.#run?.resolve();
    this.#run = undefined;
    clearTimeout(this.#resuming);
    this.#scans.stop();
    this.#watch.pause();
    this.#stopping ??= this.#stop(signal).finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  /** Removes what the kernel has of the forwarder; must be called after the last `stop`. */
  dispose(): void {
    this.#forwarders.dispose();
    this.#watch.dispose();
  }

  /**
   * Chooses the ports by other rules from now on, also after later starts. Resolves when the ports
   * have been chosen again, or at the stop; at once while it is stopped, when this does no work.
   */
  async setRules(rules: PortRules): Promise<void> {
    this.#finder.rules = rules;
    // Chosen by the rules before.
    this.#last = undefined;
    const run = this.#run;
    if (run !== undefined) await Promise.race([this.#begin(run), run.promise]);
  }

  /** The ports that were found, and which of them are forwarded. */
  status(): PortStatus {
    const state = this.#run === undefined
      ? "stopped"
      : this.#addresses.resting
      ? "resting"
      : "running";
    return { state, ports: this.#forwarders.tcp.ports };
  }

  /** How many ports are forwarded, and the counts of all of them since the start of the agent. */
  counts(): Promise<{ readonly ports: number; readonly counts: Counts }> {
    return this.#forwarders.counts();
  }

  async #stop(signal?: AbortSignal): Promise<PortsEffect> {
    await this.#ticking;
    this.#finder.close();
    this.#addresses.forget();
    return await this.#forwarders.stop(signal);
  }

  /** Forwards what was forwarded before the last stop. */
  async #resume(run: object): Promise<void> {
    const found = this.#last;
    await Promise.allSettled([this.#stopping]);
    // A scan may have been faster.
    if (this.#run !== run || found === undefined) return;
    if (this.#addresses.present.length > 0) return;
    if (hasPorts(found)) this.#forward(found);
    else this.#addresses.use();
  }

  /** The first scan, unless the kernel knows that nothing has changed since the last stop. */
  async #first(run: object): Promise<void> {
    if (this.#run !== run) return;
    const isNew = this.#watch.start();
    if (isNew || this.#last === undefined) return await this.#begin(run);
    clearTimeout(this.#resuming);
    await this.#resume(run);
    if (this.#run !== run) return;
    // A fork that forwards nothing does not scan: a scan touches pages.
    this.#scans.ended({ tookMs: 0, changed: false, next: this.#next() });
  }

  #begin(run: object): Promise<void> {
    // One scan after the other, also if the rules change before the first one.
    return this.#ticking = this.#ticking.then(() => this.#tick(run));
  }

  async #tick(run: object): Promise<void> {
    // A stop waits for the scans of its run: such a scan must not wait for the stop.
    if (this.#run !== run) return;
    // The caller of stop gets its error.
    await Promise.allSettled([this.#stopping]);
    if (this.#run !== run) return;
    this.#scans.begin();
    const before = this.#last;
    const start = performance.now();
    let next: ScanResult["next"] = "guessed";
    try {
      await this.#scan(run);
      this.#errors.clear();
      next = this.#next();
    } catch (error) {
      this.#errors.report(`Cannot scan for ports: ${errorText(error)}`);
    }
    if (this.#run !== run) return;
    this.#scans.ended({
      tookMs: performance.now() - start,
      changed: !isSame(before, this.#last),
      next,
    });
  }

  /** How the next change will be noticed. */
  #next(): ScanResult["next"] {
    const { forwardUdp, forwardUnix = [] } = this.#options;
    if (forwardUdp || forwardUnix.length > 0) return "polled";
    // A listener on a port must go soon after the port of the workload.
    const { reports } = this.#watch;
    if (reports === "nothing" && this.#forwarders.tcp.holdsPorts) {
      return "polled";
    }
    const isSettled = reports === "changes" &&
      this.#addresses.isComplete &&
      this.#forwarders.tcp.isSettled;
    return isSettled ? "reported" : "guessed";
  }

  async #scan(run: object): Promise<void> {
    const addresses = this.#addresses.look();
    const { resting } = this.#addresses;
    const found = resting ? NOTHING : await this.#finder.find();
    if (this.#run !== run) return;
    this.#last = resting ? undefined : found;
    this.#forward(found, addresses);
  }

  /** From the addresses before the last stop if none are given. */
  #forward(found: Found, addresses?: readonly string[]): void {
    this.#addresses.use(addresses);
    const { present } = this.#addresses;
    this.#forwarders.set(found, present, this.#finder.isTaken);
  }
}

/** Whether a scan has found something. A fork that forwards nothing touches no page for it. */
function hasPorts(found: Found | undefined): boolean {
  return found !== undefined && found.tcp.size + found.udp.size > 0;
}
