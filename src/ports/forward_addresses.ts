/**
 * The forward addresses that the interfaces of this machine have.
 * @module
 */
import { onInterface } from "./interfaces.ts";
import type { PortLog } from "./log.ts";

/** Which addresses, and how to ask. */
interface ForwardAddressesOptions {
  readonly forwardAddresses: readonly string[];
  /** Whether an interface has the address; replaces the question to the kernel. */
  readonly hasAddress?: (address: string) => boolean;
  readonly log: PortLog;
}

/** Knows the addresses since the last look, and logs when there are none. */
export class ForwardAddresses {
  readonly #options: ForwardAddressesOptions;
  #present: readonly string[] = [];
  #last: readonly string[] = [];
  #resting = false;

  constructor(options: ForwardAddressesOptions) {
    this.#options = options;
  }

  /** Those that are there; none after `forget`. */
  get present(): readonly string[] {
    return this.#present;
  }

  /** Whether the last look has found none: then nothing is forwarded. */
  get resting(): boolean {
    return this.#resting;
  }

  /** Whether all of them are there. */
  get isComplete(): boolean {
    return this.#present.length === this.#options.forwardAddresses.length;
  }

  /** Asks the kernel which of them are there; `use` sets them. */
  look(): readonly string[] {
    const { forwardAddresses, hasAddress = onInterface() } = this.#options;
    const found = forwardAddresses.filter((one) => hasAddress(one));
    this.#rest(found);
    return found;
  }

  /** Ports are forwarded from these from now on; from those before `forget` if none are given. */
  use(addresses = this.#last): void {
    this.#present = this.#last = addresses;
  }

  /** Nothing is forwarded any more. */
  forget(): void {
    this.#present = [];
  }

  #rest(found: readonly string[]): void {
    const resting = found.length === 0;
    if (resting === this.#resting) return;
    this.#resting = resting;
    const { forwardAddresses, log } = this.#options;
    log.info(
      resting
        ? `port forwarding rests: no interface has ${
          forwardAddresses.join(" or ")
        }`
        : `port forwarding starts: an interface has ${found.join(", ")} now`,
    );
  }
}
