/**
 * The rules that say which of the found ports are forwarded.
 * @module
 */
import {
  contains,
  parsePortRange,
  type PortRange,
} from "../util/port_ranges.ts";
import type { Targets } from "./scanner.ts";

/** The rules as text: ports and ranges, for example `3000` and `8000-8999`. */
export interface PortRules {
  /** Only these ports are forwarded; an empty list stands for all ports. */
  readonly include: readonly string[];
  /** These ports are never forwarded. */
  readonly exclude: readonly string[];
}

/** The addresses of systemd-resolved, whose name server is of no use outside of the guest. */
const RESOLVED: readonly string[] = ["127.0.0.53", "127.0.0.54"];

/** Chooses ports by rules. */
export class RuleSet {
  readonly rules: PortRules;
  readonly #include: readonly PortRange[];
  readonly #exclude: readonly PortRange[];

  constructor({ include, exclude }: PortRules) {
    this.rules = { include, exclude };
    this.#include = include.map(parsePortRange);
    this.#exclude = exclude.map(parsePortRange);
  }

  /** Whether `include` names the port, and `exclude` does not. */
  names(port: number): boolean {
    return contains(this.#include, port) && !contains(this.#exclude, port);
  }

  /** Whether the port may be forwarded. */
  admits(port: number): boolean {
    const wanted = this.#include.length === 0 || contains(this.#include, port);
    return wanted && !contains(this.#exclude, port);
  }

  /**
   * The targets that are forwarded. A listener of systemd-resolved is left out, unless `include`
   * names its port.
   */
  select(found: Targets): Targets {
    const selected = new Map<number, readonly string[]>();
    for (const [port, addresses] of found) {
      if (!this.admits(port)) continue;
      const targets = this.names(port)
        ? addresses
        : addresses.filter((address) => !RESOLVED.includes(address));
      if (targets.length > 0) selected.set(port, targets);
    }
    return selected;
  }
}
