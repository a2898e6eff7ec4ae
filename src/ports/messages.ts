/**
 * What the forwarder and its worker say to each other.
 * @module
 */

/** From the forwarder to its worker. */
export type WorkerCommand =
  /** Listen on it, or, where that is so already, dial these targets from now on. */
  | {
    readonly kind: "forward";
    readonly address: string;
    readonly port: number;
    readonly targets: readonly string[];
  }
  /** Stop listening; open connections live on, as they would without us. */
  | { readonly kind: "unforward"; readonly port: number }
  /** Close everything, then say `stopped`. */
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

/** What a stop closed: listeners and connections, counted. */
export interface PortsEffect {
  readonly ports: number;
  readonly connections: number;
}
