/**
 * The messages between the forwarder and its worker.
 * @module
 */
import type { Counts } from "./counts.ts";
import type { SteeredAddress } from "./steered_address.ts";

/** The protocol of a forwarded port. */
export type Protocol = "tcp" | "udp";

/** Listen on the port of these addresses and of no others, and use these targets from now on. */
export interface PortCommand {
  readonly addresses: readonly string[];
  /** The addresses on whose port a program of the guest listens itself. */
  readonly taken: readonly string[];
  readonly port: number;
  readonly targets: readonly string[];
  /** Whether the targets expect the PROXY protocol. */
  readonly proxyProtocol: boolean;
  /** How many connections may be open at the same time. */
  readonly maxConnections: number;
}

/** Do this for each of these ports. */
export interface ForwardCommand {
  readonly kind: "forward";
  readonly protocol: Protocol;
  readonly ports: readonly PortCommand[];
}

/** Let the kernel steer the clients of an address; sent before the first port of the address. */
export interface SteerCommand extends SteeredAddress {
  readonly kind: "steer";
  readonly address: string;
}

/** From the forwarder to its worker. */
export type WorkerCommand =
  | ForwardCommand
  | SteerCommand
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

/** What has come of a port. */
export interface PortResult {
  readonly port: number;
  /** The addresses on which the worker listens. */
  readonly addresses: readonly string[];
  readonly failures: readonly ListenFailure[];
}

/** From the worker to the forwarder. */
export type WorkerEvent =
  /** The answer to `forward`. */
  | { readonly kind: "forwarded"; readonly ports: readonly PortResult[] }
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
