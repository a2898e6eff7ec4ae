/**
 * Finds everything that is to be forwarded: TCP ports by a scan and by the rules, unix sockets by
 * name, UDP ports. Code for unix sockets and UDP is loaded only if they are turned on.
 * @module
 */
import type { PortRange } from "../util/port_ranges.ts";
import { type PortRules, RuleSet } from "./rules.ts";
import {
  type PortScanner,
  Scanner,
  type ScannerOptions,
  type Targets,
} from "./scanner.ts";
import type { UnixSockets } from "./unix_sockets.ts";

/** What to find. */
export interface FinderOptions extends Omit<ScannerOptions, "paths"> {
  /** The rules until the host sets others; all ports if not given. */
  readonly rules?: PortRules;
  /** Ports that are forwarded to 127.0.0.1 also if no program listens on them. */
  readonly always?: readonly PortRange[];
  /** Whether UDP ports are forwarded. */
  readonly forwardUdp?: boolean;
  /** `PATH=PORT` of each unix socket to forward. */
  readonly forwardUnix?: readonly string[];
  /** Replaces the scanner that reads /proc/net. */
  readonly scanner?: PortScanner;
}

/** The targets of each port. */
export interface Found {
  readonly tcp: Targets;
  readonly udp: Targets;
}

/** Finds ports. */
export class Finder {
  readonly #options: FinderOptions;
  readonly #scanner: PortScanner;
  #rules: RuleSet;
  #unix: UnixSockets | undefined;

  constructor(options: FinderOptions) {
    this.#options = options;
    this.#scanner = options.scanner ?? new Scanner(options);
    this.#rules = new RuleSet(options.rules ?? { include: [], exclude: [] });
  }

  /** The rules, which the next scan uses. They do not concern unix sockets. */
  get rules(): PortRules {
    return this.#rules.rules;
  }

  set rules(rules: PortRules) {
    this.#rules = new RuleSet(rules);
  }

  /** Looks once. */
  async find(): Promise<Found> {
    const found = this.#withAlways(await this.#scanner.scan());
    const tcp = await this.#withUnix(this.#rules.select(found));
    return { tcp, udp: await this.#udp() };
  }

  /** Whether a program of the guest itself listens on a port of a forward address, by the last look. */
  readonly isTaken = (address: string, port: number): boolean =>
    this.#scanner.isTaken?.(address, port) ?? false;

  /** Closes the descriptors of the scanner; a later scan opens them again. */
  close(): void {
    this.#scanner.close();
  }

  /** Rules of the packet filter (containers) may answer on a port without a socket. */
  #withAlways(found: Targets): Targets {
    const { always = [] } = this.#options;
    if (always.length === 0) return found;
    const own = this.#options.ownPorts();
    const all = new Map(found);
    for (const { first, last } of always) {
      for (let port = first; port <= last; port++) {
        if (!all.has(port) && !own.includes(port)) {
          all.set(port, ["127.0.0.1"]);
        }
      }
    }
    return all;
  }

  /** A unix socket has priority over a listener on the same port. */
  async #withUnix(found: Targets): Promise<Targets> {
    const { forwardUnix: sockets = [], log } = this.#options;
    if (sockets.length === 0) return found;
    if (this.#unix === undefined) {
      const { UnixSockets } = await import("./unix_sockets.ts");
      this.#unix = new UnixSockets({ sockets, log });
    }
    return new Map([...found, ...this.#unix.find()]);
  }

  async #udp(): Promise<Targets> {
    if (this.#options.forwardUdp !== true) return new Map();
    const { findUdpServers } = await import("./udp_scanner.ts");
    return this.#rules.select(findUdpServers(this.#options, this.#rules));
  }
}

/** Whether two scans have found the same. */
export function isSame(a: Found | undefined, b: Found | undefined): boolean {
  const text = (found?: Found) =>
    found && JSON.stringify([[...found.tcp], [...found.udp]]);
  return text(a) === text(b);
}
