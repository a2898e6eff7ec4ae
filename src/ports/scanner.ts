/**
 * Finds the ports on which the workload listens on loopback only. A caller outside the guest reaches
 * such a port only if it is forwarded.
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { isLoopback } from "../linux/ip.ts";
import { errorText, hasCode } from "../util/errors.ts";
import { type PortLog, ScanErrors } from "./log.ts";
import { parseListening } from "./proc_net.ts";
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
  /** The tables to read. A table may be missing. */
  readonly paths?: readonly string[];
}

/** Scans the kernel's tables of TCP sockets. */
export class Scanner implements PortScanner {
  readonly #options: ScannerOptions;
  readonly #tables: Table[];
  /** `ADDRESS PORT` of each socket that listens on more than loopback. */
  #others = new Set<string>();

  constructor(options: ScannerOptions) {
    this.#options = options;
    const paths = options.paths ?? ["/proc/net/tcp", "/proc/net/tcp6"];
    this.#tables = paths.map((path) => new Table(path, options.log));
  }

  /** Reads both tables. A table that cannot be read is logged once and is empty. */
  scan(): Map<number, string[]> {
    const { forwardAddresses } = this.#options;
    const own = this.#options.ownPorts();
    const ports = new Map<number, string[]>();
    this.#others = new Set();
    for (const table of this.#tables) {
      for (const { address, port } of parseListening(table.read())) {
        if (own.includes(port) || address === SHARED_ADDRESS) continue;
        if (!isLoopback(address) || forwardAddresses.includes(address)) {
          this.#others.add(`${address} ${port}`);
          continue;
        }
        const targets = ports.get(port);
        if (targets === undefined) ports.set(port, [address]);
        else if (!targets.includes(address)) targets.push(address);
      }
    }
    // In this order, IPv4 comes before IPv6, and 127.0.0.1 before other IPv4 addresses.
    for (const targets of ports.values()) targets.sort();
    return ports;
  }

  isTaken(address: string, port: number): boolean {
    const all = address.includes(":") ? "::" : "0.0.0.0";
    return [address, all].some((one) => this.#others.has(`${one} ${port}`));
  }

  close(): void {
    for (const table of this.#tables) table.close();
  }
}

/**
 * One of the kernel's tables. The descriptor stays open, because to open it costs as much as a short
 * read. A read at offset 0 makes the kernel list its sockets again.
 */
class Table {
  readonly #path: string;
  readonly #errors: ScanErrors;
  readonly #decoder = new TextDecoder("latin1");
  #fd: number | undefined;
  #buffer = new Uint8Array(16 * 1024);

  constructor(path: string, log: PortLog) {
    this.#path = path;
    this.#errors = new ScanErrors(log);
  }

  /** The whole text; empty if there is no such table or it cannot be read. */
  read(): string {
    try {
      this.#fd ??= openSync(this.#path, "r");
      const text = this.#decoder.decode(this.#fill(this.#fd));
      this.#errors.clear();
      return text;
    } catch (error) {
      this.close();
      // A kernel without IPv6 has no tcp6: nothing to report.
      if (!hasCode(error, "ENOENT")) {
        this.#errors.report(`Cannot read ${this.#path}: ${errorText(error)}`);
      }
      return "";
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }

  #fill(fd: number): Uint8Array {
    let filled = 0;
    for (;;) {
      if (filled === this.#buffer.length) {
        const grown = new Uint8Array(filled * 2);
        grown.set(this.#buffer);
        this.#buffer = grown;
      }
      const room = this.#buffer.length - filled;
      const count = readSync(fd, this.#buffer, filled, room, filled);
      if (count === 0) return this.#buffer.subarray(0, filled);
      filled += count;
    }
  }
}
