/**
 * The table of the ports to forward, and what the worker has told about each.
 * @module
 */
import type { PortLog } from "./log.ts";
import type { ListenFailure, Protocol } from "./messages.ts";
import type { Targets } from "./scanner.ts";

/** A port that is forwarded, or that could not be forwarded yet. */
export interface ForwardedPort {
  readonly port: number;
  readonly targets: readonly string[];
  /** True if the worker listens on at least one address. */
  readonly listening: boolean;
  /** Why the worker does not listen on an address, if it has tried. */
  readonly error?: string;
}

/** A port that is forwarded from now on, or no longer. */
export interface PortChange {
  readonly change: "opened" | "closed";
  readonly protocol: Protocol;
  readonly port: number;
  readonly targets: readonly string[];
}

interface Entry {
  targets: readonly string[];
  /** The addresses on which to listen. */
  wanted: readonly string[];
  /** The addresses on which the worker listens. */
  addresses: readonly string[];
  error?: string;
  /** The time of performance.now() since which it listens. */
  since?: number;
}

/** Everything that is known about a port. */
export type PortEntry = { readonly port: number } & Readonly<Entry>;

/** What the table needs of a forwarder. */
interface TableOptions {
  readonly protocol?: Protocol;
  readonly log: PortLog;
  readonly onChange?: (change: PortChange) => void;
}

/** The ports to forward. */
export class PortTable {
  readonly #options: TableOptions;
  readonly #entries = new Map<number, Entry>();

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** Everything that is known, in the order of the ports. */
  get entries(): PortEntry[] {
    return [...this.#entries]
      .sort(([a], [b]) => a - b)
      .map(([port, entry]) => ({ port, ...entry }));
  }

  /** Whether the test is true for a port. */
  some(test: (entry: Readonly<Entry>) => boolean): boolean {
    return this.#entries.values().some(test);
  }

  /** All ports in their order, for the status. */
  get ports(): ForwardedPort[] {
    return this.entries.map(({ port, targets, addresses, error }) => ({
      ...{ port, targets, listening: addresses.length > 0 },
      ...error === undefined ? {} : { error },
    }));
  }

  /** The ports that are not among the targets. */
  without(targets: Targets): number[] {
    return [...this.#entries.keys()].filter((port) => !targets.has(port));
  }

  /** Notes what is wanted for a port. False if there is nothing to tell the worker. */
  want(
    port: number,
    targets: readonly string[],
    wanted: readonly string[],
  ): boolean {
    const known = this.#entries.get(port);
    if (known === undefined) {
      this.#entries.set(port, { targets, wanted, addresses: [] });
      return true;
    }
    const isSame = known.targets.join() === targets.join() &&
      known.wanted.join() === wanted.join();
    if (isSame && known.error === undefined) return false;
    if (known.targets.join() !== targets.join() && known.addresses.length > 0) {
      this.#say("forwarding", port, known.addresses, targets, " now");
    }
    // The error of the last try stays until the next event of the worker.
    Object.assign(known, { targets, wanted });
    return true;
  }

  /** Removes a port that is no longer to be forwarded. */
  remove(port: number): void {
    const known = this.#entries.get(port);
    this.#entries.delete(port);
    if (known === undefined || known.addresses.length === 0) return;
    this.#say("no longer forwarding", port, known.addresses);
    this.#changed("closed", port, known.targets);
  }

  /** Notes where the worker listens for a port, and where it could not. */
  forwarded(
    port: number,
    addresses: readonly string[],
    failures: readonly ListenFailure[],
  ): void {
    const known = this.#entries.get(port);
    // The port has been removed since.
    if (known === undefined) return;
    const added = addresses.filter((one) => !known.addresses.includes(one));
    if (added.length > 0) this.#say("forwarding", port, added, known.targets);
    const before = known.addresses.length > 0;
    const now = addresses.length > 0;
    known.addresses = addresses;
    if (before !== now) {
      known.since = now ? performance.now() : undefined;
      this.#changed(now ? "opened" : "closed", port, known.targets);
    }
    const error = failures.map(({ reason }) => reason)[0];
    // Logged before; every scan tries again.
    if (known.error !== error) {
      for (const { address, reason } of failures) {
        const where = this.#where(port, [address]);
        this.#options.log.warn(`Cannot listen on ${where}: ${reason}`);
      }
    }
    known.error = error;
  }

  /** Removes all ports, without a line in the log: a stop, or the death of the worker. */
  clear(): void {
    for (const [port, { addresses, targets }] of this.#entries) {
      if (addresses.length > 0) this.#changed("closed", port, targets);
    }
    this.#entries.clear();
  }

  #changed(
    change: PortChange["change"],
    port: number,
    targets: readonly string[],
  ): void {
    const { protocol = "tcp", onChange } = this.#options;
    onChange?.({ change, protocol, port, targets });
  }

  #say(
    what: string,
    port: number,
    addresses: readonly string[],
    targets?: readonly string[],
    end = "",
  ): void {
    const where = this.#where(port, addresses);
    const to = targets === undefined ? "" : ` to ${targets.join(", ")}`;
    this.#options.log.info(`${what} ${where}${to}${end}`);
  }

  #where(port: number, addresses: readonly string[]): string {
    const text = addresses.map((address) =>
      address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`
    ).join(", ");
    return this.#options.protocol === "udp" ? `${text} (UDP)` : text;
  }
}
