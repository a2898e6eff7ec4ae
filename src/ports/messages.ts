/**
 * The messages between the forwarder and its worker.
 * @module
 */
import type { SteeredAddress } from "./steering.ts";

/** Listen on the port; if that is so already, use these targets from now on. */
export interface ForwardCommand {
  readonly kind: "forward";
  readonly address: string;
  readonly port: number;
  readonly targets: readonly string[];
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
  /** Close everything, then send `stopped`. */
  | { readonly kind: "stop" };

/** From the worker to the forwarder. */
export type WorkerEvent =
  | { readonly kind: "listening"; readonly port: number }
  | {
    readonly kind: "failed";
    readonly port: number;
    readonly reason: string;
  }
  | { readonly kind: "stopped"; readonly effect: PortsEffect };

/** The numbers of listeners and connections that a stop closed. */
export interface PortsEffect {
  readonly ports: number;
  readonly connections: number;
}
