/**
 * The forwarders of all protocols: TCP, and UDP if it is forwarded.
 * @module
 */
import { type Counts, sumOf } from "./counts.ts";
import type { Found } from "./finder.ts";
import { Forwarder } from "./forwarder.ts";
import type { ForwarderOptions } from "./forwarder_options.ts";
import type { PortsEffect } from "./messages.ts";

/** Forwards what was found. Each protocol has a worker of its own. */
export class Forwarders {
  readonly tcp: Forwarder;
  readonly #udp: Forwarder | undefined;

  constructor(
    options: Omit<ForwarderOptions, "protocol">,
    forwardUdp: boolean,
  ) {
    this.tcp = new Forwarder(options);
    this.#udp = forwardUdp
      ? new Forwarder({
        ...options,
        protocol: "udp",
        proxyProtocol: undefined,
      })
      : undefined;
  }

  /** All of them. */
  get all(): readonly Forwarder[] {
    return this.#udp === undefined ? [this.tcp] : [this.tcp, this.#udp];
  }

  /** Forwards these ports and no others, from these addresses: see {@linkcode Forwarder.set}. */
  set(
    found: Found,
    addresses: readonly string[],
    isTaken: (address: string, port: number) => boolean,
  ): void {
    this.tcp.set(found.tcp, addresses, isTaken);
    this.#udp?.set(found.udp, addresses);
  }

  /** Stops all of them: see {@linkcode Forwarder.stop}. */
  async stop(signal?: AbortSignal): Promise<PortsEffect> {
    const stops = this.all.map((one) => one.stop(signal));
    // All end before the error of one of them is reported.
    await Promise.allSettled(stops);
    const effects = await Promise.all(stops);
    return {
      ports: effects.reduce((sum, { ports }) => sum + ports, 0),
      connections: effects.reduce((sum, one) => sum + one.connections, 0),
    };
  }

  /** How many ports are forwarded, and the counts of all of them since the start of the agent. */
  async counts(): Promise<{ readonly ports: number; readonly counts: Counts }> {
    const all = await Promise.all(this.all.map((one) => one.counts()));
    const entries = this.all.flatMap((one) => one.entries);
    return {
      ports: entries.filter(({ addresses }) => addresses.length > 0).length,
      counts: all.map(({ totals }) => totals).reduce(sumOf),
    };
  }

  /** Removes what the kernel has of them; must be called after `stop`. */
  dispose(): void {
    for (const one of this.all) one.dispose();
  }
}
