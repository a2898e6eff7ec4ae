/**
 * What callers may ask of a prepare and tell a recovery. Steps and repairs read
 * these types; the lifecycle imports no step.
 * @module
 */

/** How an operation ended. */
export type Outcome = "restored" | "resumed" | "expired" | "aborted";

/** What caused a recovery. */
export type Trigger = "health" | "recover" | "evidence" | "lease" | "signal";

/** What a prepare may ask for. */
export interface PrepareRequest {
  /** The operation's id; the agent makes one if none is given. */
  readonly operation?: string;
  /** The lease in seconds of guest time; the configured lease if none is given. */
  readonly lease?: number;
}

/** Who this fork is on the network; what is left out stays as it is. */
export interface NetworkIdentity {
  /** The name of the interface; the one of the default route if none is given. */
  readonly interface?: string;
  /** An IPv4 address and its prefix, as `10.0.2.15/24`. */
  readonly address?: string;
  /** The IPv4 address of the default route. */
  readonly gateway?: string;
  /** IP addresses of name servers. */
  readonly dns?: readonly string[];
  readonly mac?: string;
  readonly hostname?: string;
}

/** What a caller may tell a recovery. */
export interface RecoverRequest {
  /** The operation that the caller means; any if none is given. */
  readonly operation?: string;
  /** How the operation ended, as the host knows it. */
  readonly outcome?: Outcome;
  /** The host's wall clock as it sent the call, milliseconds since 1970. */
  readonly hostTime?: number;
  /** performance.now() when the call arrived: the time since then is added. */
  readonly receivedAt?: number;
  /** From the host's sending to its reply, milliseconds; half of it is added. */
  readonly roundTripMs?: number;
  /** Bytes for the random pool that no other fork gets. */
  readonly entropy?: Uint8Array;
  /** Whether the guest counts as unhealthy until its random pool is new. */
  readonly requireEntropy?: boolean;
  readonly network?: NetworkIdentity;
}

/** A field of a {@linkcode RecoverRequest} that carries data for the guest. */
export type Field = "entropy" | "hostTime" | "network" | "outcome";
