/**
 * The owner's part of steering: asks the kernel once for each forward address.
 * @module
 */
import { errorText } from "../util/errors.ts";
import type { Libc } from "../linux/libc.ts";
import type { PortLog } from "./log.ts";
import type { SteerCommand } from "./messages.ts";
import { Steering } from "./steering.ts";

/** What it needs. */
interface SteeringsOptions {
  readonly libc: Libc;
  readonly log: PortLog;
  /** False if nothing is to be steered. */
  readonly steer?: boolean;
}

/** The steered addresses. They stay until the end of the forwarder, also without a worker. */
export class Steerings implements Disposable {
  readonly #options: SteeringsOptions;
  readonly #addresses = new Map<string, Steering | undefined>();

  constructor(options: SteeringsOptions) {
    this.#options = options;
  }

  /** Whether the kernel steers the clients of this address. */
  has(address: string): boolean {
    if (!this.#addresses.has(address)) {
      this.#addresses.set(address, this.#open(address));
    }
    return this.#addresses.get(address) !== undefined;
  }

  /**
   * The first command to a worker that forwards this address; undefined if the kernel cannot steer
   * its clients, which is logged once.
   */
  commandFor(address: string): SteerCommand | undefined {
    if (!this.has(address)) return undefined;
    const steering = this.#addresses.get(address)!;
    const { ports, sockets } = steering;
    return { kind: "steer", address, ports, sockets };
  }

  [Symbol.dispose](): void {
    for (const steering of this.#addresses.values()) {
      steering?.[Symbol.dispose]();
    }
    this.#addresses.clear();
  }

  #open(address: string): Steering | undefined {
    const { libc, log, steer = true } = this.#options;
    if (!steer) return undefined;
    try {
      return new Steering(libc, address);
    } catch (error) {
      log.info(
        `listening on each forwarded port of ${address}: ${errorText(error)}`,
      );
      return undefined;
    }
  }
}
