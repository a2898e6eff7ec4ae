/**
 * Finds the ports on which the workload listens on loopback only. A caller outside the guest reaches
 * such a port only if it is forwarded.
 * @module
 */
import { isLoopback } from "../linux/ip.ts";
import type { Libc } from "../linux/libc.ts";
import { TcpTable } from "../linux/sock_diag.ts";
import type { PortLog } from "./log.ts";
import { type ListeningSocket, parseListening } from "./proc_net.ts";
import { ProcTable } from "./proc_table.ts";
import { SHARED_ADDRESS } from "./shared_listener.ts";

/** Port to the loopback addresses that listen on it, IPv4 first. */
export type Targets = ReadonlyMap<number, readonly string[]>;

/** Finds the ports to forward; tests pass their own. */
export interface PortScanner {
  scan(): Targets | Promise<Targets>;
  /** Whether a socket listened on that port of an address, or on all addresses, in the last scan. */
  isTaken?(address: string, port: number): boolean;
  /** Closes the descriptors of the scanner; a later scan opens them again. */
  close(): void;
}

/** How to scan. */
export interface ScannerOptions {
  /** The addresses of the forwarder's own listeners, which are not the workload's. */
  readonly forwardAddresses: readonly string[];
  /** Ports of Lull itself, which are never forwarded. */
  readonly ownPorts: () => readonly number[];
  readonly log: PortLog;
  /** Asks the kernel over netlink; only the tables are read if it is not given. */
  readonly libc?: Libc;
  /** The tables to read if netlink does not work. A table may be missing. */
  readonly paths?: readonly string[];
}

/** Scans the TCP sockets that listen. */
export class Scanner implements PortScanner {
  readonly #options: ScannerOptions;
  readonly #tables: ProcTable[];
  #netlink: TcpTable | undefined;
  #hasFailed = false;
  /** `ADDRESS PORT` of each socket that listens on more than loopback. */
  #others = new Set<string>();

  constructor(options: ScannerOptions) {
    this.#options = options;
    const paths = options.paths ?? ["/proc/net/tcp", "/proc/net/tcp6"];
    this.#tables = paths.map((path) => new ProcTable(path, options.log));
  }

  /** Lists the sockets. A table that cannot be read is logged once and is empty. */
  scan(): Map<number, string[]> {
    const { forwardAddresses } = this.#options;
    const own = this.#options.ownPorts();
    const ports = new Map<number, string[]>();
    this.#others = new Set();
    for (const { address, port } of this.#list()) {
      if (own.includes(port) || address === SHARED_ADDRESS) continue;
      if (!isLoopback(address) || forwardAddresses.includes(address)) {
        this.#others.add(`${address} ${port}`);
        continue;
      }
      const targets = ports.get(port);
      if (targets === undefined) ports.set(port, [address]);
      else if (!targets.includes(address)) targets.push(address);
    }
    // In this order, IPv4 comes before IPv6, and 127.0.0.1 before other IPv4 addresses.
    for (const targets of ports.values()) targets.sort();
    return ports;
  }

  isTaken(address: string, port: number): boolean {
    const all = address.includes(":") ? "::" : "0.0.0.0";
    return [address, all].some((one) => this.#others.has(`${one} ${port}`));
  }

  /** All sockets that listen. A kernel without the module tcp_diag has only the tables. */
  #list(): ListeningSocket[] {
    const { libc } = this.#options;
    if (libc !== undefined && !this.#hasFailed) {
      try {
        this.#netlink ??= new TcpTable(libc);
        return this.#netlink.listListening();
      } catch {
        this.#hasFailed = true;
        this.close();
      }
    }
    return this.#tables.flatMap((table) => parseListening(table.read()));
  }

  close(): void {
    this.#netlink?.[Symbol.dispose]();
    this.#netlink = undefined;
    for (const table of this.#tables) table.close();
  }
}
