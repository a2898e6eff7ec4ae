/**
 * The messages between the forwarder and its worker.
 * @module
 */
import type { Counts } from "./counts.ts";

/** The protocol of a forwarded port. */
export type Protocol = "tcp" | "udp";

/** Listen on the port of these addresses and of no others, and use these targets from now on. */
export interface ForwardCommand {
  readonly kind: "forward";
  readonly protocol: Protocol;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly targets: readonly string[];
  /** Whether the targets expect the PROXY protocol. */
  readonly proxyProtocol: boolean;
}

/** From the forwarder to its worker. */
export type WorkerCommand =
  | ForwardCommand
  /** Stop listening on the port; open connections continue. */
  | { readonly kind: "unforward"; readonly port: number }
  /** Send `counted`. */
  | { readonly kind: "count" }
  /** Close everything, then send `stopped`. */
  | { readonly kind: "stop" };

/** An address on which the worker could not listen. */
export interface ListenFailure {
  readonly address: string;
  readonly reason: string;
}

/** From the worker to the forwarder. */
export type WorkerEvent =
  | {
    /** The answer to `forward`. */
    readonly kind: "forwarded";
    readonly port: number;
    /** The addresses on which the worker listens. */
    readonly addresses: readonly string[];
    readonly failures: readonly ListenFailure[];
  }
  | {
    readonly kind: "counted";
    readonly ports: ReadonlyMap<number, Counts>;
    readonly totals: Counts;
  }
  | {
    readonly kind: "stopped";
    readonly effect: PortsEffect;
    readonly totals: Counts;
  };

/** The numbers of listeners and connections that a stop closed. */
export interface PortsEffect {
  readonly ports: number;
  readonly connections: number;
}
