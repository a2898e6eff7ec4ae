/**
 * The requests of a prepare and of a recovery. The types are in this file because
 * steps and repairs use them, and the lifecycle imports no step.
 * @module
 */
import type { Trace } from "./trace.ts";

/** The call of a host that makes a request. */
export interface Call {
  /** The id of the call, which its log lines have. */
  readonly requestId?: string;
  /** The trace of the call, if it has a `traceparent`. */
  readonly trace?: Trace;
}

/** All outcomes of an operation. */
export const OUTCOMES = ["restored", "resumed", "expired", "aborted"] as const;
/**
 * How an operation ended. `restored`: a new machine runs from the snapshot. `resumed`: the same machine
 * continues. `expired`: the lease ended. `aborted`: the prepare failed, or the agent ended.
 */
export type Outcome = typeof OUTCOMES[number];

/** The kinds of snapshot. plan.ts says which steps take part in the prepare of each kind. */
export const KINDS = ["full", "diff", "disk"] as const;

/**
 * The kind of snapshot that the host takes. `full`: the whole memory is stored. `diff`: only the
 * memory that has changed is stored. `disk`: the memory is thrown away.
 */
export type Kind = typeof KINDS[number];

/** All triggers of a recovery. */
export const TRIGGERS = [
  ...["health", "recover", "evidence", "lease", "signal"] as const,
] as const;
/**
 * What caused a recovery. `health`, `recover`: a call of the host. `evidence`: the guest itself found
 * evidence of a restore. `lease`: the lease ended. `signal`: the agent ends.
 */
export type Trigger = typeof TRIGGERS[number];

/** How a prepare freezes the workload, if a host asks for something else than the configuration. */
export interface WorkloadRequest {
  /** Freezes everything outside the agent's own chain of cgroups. */
  readonly all?: boolean;
  /** The largest number of cgroups to look at. */
  readonly maxCgroups?: number;
  /** Milliseconds to wait until the workload is frozen; the configured limit if it is shorter. */
  readonly waitMs?: number;
  /** Cgroups that do not freeze are counted in the effect, and do not fail the prepare. */
  readonly counts?: boolean;
  /** The recovery counts which cgroups were frozen, before it thaws them. */
  readonly audit?: boolean;
}

/** The request of a prepare. */
export interface PrepareRequest extends Call {
  /** The operation's id; the agent makes one if none is given. */
  readonly operation?: string;
  /** The lease in seconds of guest time; the configured lease if none is given. */
  readonly lease?: number;
  /** The kind of snapshot; the configured kind if none is given. */
  readonly kind?: Kind;
  /** How filesystems are frozen, where it differs from the configuration. */
  readonly freeze?: FreezeRequest;
  readonly workload?: WorkloadRequest;
  /**
   * The host always calls after a restore, and decides with a token whether the guest may go on: the
   * evidence of a fork alone does not recover this operation.
   */
  readonly awaitsHost?: boolean;
}

/** How the step `freeze-mounts` freezes filesystems for one operation. */
export interface FreezeRequest {
  /** Freezes only the filesystems that have one of these mount points; all chosen ones if not given. */
  readonly mounts?: readonly string[];
  /** The most milliseconds that they stay frozen; the configured hold if not given. */
  readonly holdMs?: number;
}

/** The network identity of one interface. A field that is not given stays unchanged. */
export interface NetworkIdentity {
  /** The name of the interface; the one of the default route if none is given. */
  readonly interface?: string;
  /** IPv4 and IPv6 addresses with their prefixes, as `10.0.2.15/24`. */
  readonly address?: string | readonly string[];
  /** The addresses of the default routes, at most one per family. */
  readonly gateway?: string | readonly string[];
  /** IP addresses of name servers. */
  readonly dns?: readonly string[];
  /** Domains in which short names are looked up. */
  readonly search?: readonly string[];
  readonly mtu?: number;
  readonly mac?: string;
  readonly hostname?: string;
  /** Whether the files of names in /etc may be written on the root filesystem. */
  readonly persist?: boolean;
}

/** How the reply to a call goes back to its caller. */
export interface ReplyWay {
  /** The address of this machine that the caller reached. */
  readonly localAddress: string;
  /** Runs the action when the caller has the reply, and closes the connection after the reply. */
  afterLastReply(action: () => void): void;
}

/** The items of a machine's identity that a recovery can renew; src/identity/ has a file for each. */
export const RENEWABLE = [
  ...["machine-id", "ssh-host-keys", "boot-id", "random-seed"] as const,
  ...["dbus-id", "cloud-init"] as const,
] as const;
/** One item of a machine's identity. */
export type Renewable = typeof RENEWABLE[number];

/** A secret of this fork, as a file. */
export interface Credential {
  /** The content. It is overwritten when the call ends. */
  readonly data: Uint8Array;
  /** The owner of the file; root if not given. */
  readonly uid?: number;
  readonly gid?: number;
  /** The permissions of the file; 0600 if not given. */
  readonly mode?: number;
}

/** What a host requires before the guest counts as healthy, and what is not there yet. */
export interface Requirements {
  /** A new random pool. */
  readonly entropy: boolean;
  /** A new identity. */
  readonly identity: boolean;
}

/** The request of a recovery. */
export interface RecoverRequest extends Call {
  /** The id of the operation to recover; any operation if not given. */
  readonly operation?: string;
  /** How the operation ended, as the host knows it. */
  readonly outcome?: Outcome;
  /** The host's wall clock as it sent the call, milliseconds since 1970. */
  readonly hostTime?: number;
  /** performance.now() when the call arrived: the time since then is added. */
  readonly receivedAt?: number;
  /** Round-trip time of the host's call, in milliseconds; half of it is added. */
  readonly roundTripMs?: number;
  /** Bytes for the random pool that no other fork gets. */
  readonly entropy?: Uint8Array;
  /** Whether the guest counts as unhealthy until its random pool is new. */
  readonly requireEntropy?: boolean;
  readonly network?: NetworkIdentity | readonly NetworkIdentity[];
  /** The way of the reply, if the call came over the network. */
  readonly reply?: ReplyWay;
  /** The items of the machine's identity to renew. */
  readonly renew?: readonly Renewable[];
  /** Whether the new identity is written to the disk, and outlives a reboot. */
  readonly renewOnDisk?: boolean;
  /** Whether the guest counts as unhealthy until all items that the host names are renewed. */
  readonly requireRenewed?: boolean;
  /** The secrets of this fork, by their names. */
  readonly credentials?: ReadonlyMap<string, Credential>;
  /** The variables of this fork, which are no secrets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the former variables stay; otherwise `env` replaces them. */
  readonly addsEnv?: boolean;
}

/** Overwrites the secrets of a request that was applied: the garbage of this process must not have them. */
export function forgetSecrets({ credentials, entropy }: RecoverRequest): void {
  entropy?.fill(0);
  for (const { data } of credentials?.values() ?? []) data.fill(0);
}

/** A field of a {@linkcode RecoverRequest} that changes something by itself: data, or a requirement. */
export type Field =
  | "entropy"
  | "hostTime"
  | "network"
  | "renew"
  | "credentials"
  | "env"
  | "outcome"
  | "requireEntropy"
  | "requireRenewed";
