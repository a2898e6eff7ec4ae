/**
 * The types of requests and replies. `make client-types` made this file from the schemas.
 * @module
 */

/** What a prepare asks for. */
export interface PrepareOptions {
  /** Seconds of guest time after which the guest recovers on its own; the option lease if none is given. */
  readonly lease?: number;
  /** Id of the operation; the agent makes one if none is given. */
  readonly operation?: string;
  /** Kind of snapshot. full: the whole memory is stored. diff: what changed is stored. disk: the memory is thrown away. The option snapshotKind if none is given. */
  readonly kind?: "full" | "diff" | "disk";
}

/** What a host tells the recovery. */
export interface RecoverOptions {
  /** Id of the operation to recover; any operation if none is given. */
  readonly operation?: string;
  /** How the operation ended, as the host knows it. */
  readonly outcome?: "restored" | "resumed" | "aborted";
  /** The host's wall clock at the time of this call: a time of RFC 3339, or milliseconds since 1970. */
  readonly hostTime?: number | string;
  /** Round-trip time of a call; half of it is added to the time. */
  readonly roundTripMs?: number;
  /** Bytes that no other fork gets, for the random pool: 16 to 512 bytes in base64. */
  readonly entropy?: string;
  /** Reply with 503, to health checks too, until the random pool is new. */
  readonly requireEntropy?: boolean;
  /** The addresses and names of this fork: of one interface, or a list for several. */
  readonly network?: NetworkIdentity | readonly NetworkIdentity[];
  /** Items of the machine's identity that this fork gets anew. An item that was renewed since the restore stays. */
  readonly renew?: readonly (
    | "machine-id"
    | "ssh-host-keys"
    | "boot-id"
    | "random-seed"
    | "dbus-id"
    | "cloud-init"
    | "all"
  )[];
  /** Write the new identity to the disk, so that it outlives a reboot. Without it, files in memory are mounted over the old ones. */
  readonly renewOnDisk?: boolean;
  /** Reply with 503, to health checks too, until every item of renew is renewed. */
  readonly requireRenewed?: boolean;
  /** Secrets of this fork, which become files in /run/credentials/lull by their names. The next prepare overwrites them. */
  readonly credentials?: Readonly<
    Record<string, {
      /** The content, in base64. */
      readonly data: string;
      /** Owner of the file; the default is root. */
      readonly uid?: number;
      /** Group of the file; the default is root. */
      readonly gid?: number;
      /** Permissions, in octal digits; the default is 0600. */
      readonly mode?: string;
    }>
  >;
  /** Variables of this fork, which are no secrets: for hooks, and in the file env of the runtime directory. They replace all former ones. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The addresses and names of a fork. At least one beside the interface is given. */
export interface NetworkIdentity {
  /** The default is the interface of the default route. */
  readonly interface?: string;
  /** Replaces the addresses of the interface, of each family that is given. */
  readonly address?: string | readonly string[];
  /** The default routes, one of each family at most. */
  readonly gateway?: string | readonly string[];
  /** The name servers. */
  readonly dns?: readonly string[];
  /** The domains in which short names are looked up. */
  readonly search?: readonly string[];
  /** The largest packet of the interface, in bytes. */
  readonly mtu?: number;
  readonly mac?: string;
  readonly hostname?: string;
  /** Write host name and name servers to /etc on the root filesystem, too. Without it, nothing is written there. */
  readonly persist?: boolean;
}

/** The reply of a health check. */
export interface Health {
  readonly version: string;
  readonly state:
    | "running"
    | "preparing"
    | "quiesced"
    | "undoing"
    | "recovering";
  readonly generation: number;
}

/** The status document. */
export interface Status {
  readonly version: string;
  readonly runtime: {
    readonly name: string;
    readonly version: string;
  };
  readonly state:
    | "running"
    | "preparing"
    | "quiesced"
    | "undoing"
    | "recovering";
  readonly generation: number;
  /** The machine may be paused: the settle has ended, and no mount has thawed by itself since. */
  readonly settled: boolean;
  /** Whether connections stay open after a reply; not in a quiesced guest. */
  readonly keepAlive: boolean;
  readonly lease: {
    /** Seconds of the whole lease. */
    readonly seconds: number;
    /** Seconds of guest time left. */
    readonly left: number;
  };
  readonly operation?: PrepareReport;
  readonly lastRecovery?: RecoveryReport;
  /** Repairs after the recovery, when the host sent its data. */
  readonly late?: readonly StepReport[];
  /** The items of the identity that the host asked for since the last recovery. */
  readonly renewal?: {
    /** Health is refused until all items are done. */
    readonly required: boolean;
    /** Whether every item is renewed, or absent in this guest. */
    readonly done: boolean;
    readonly items: readonly {
      readonly item:
        | "machine-id"
        | "ssh-host-keys"
        | "boot-id"
        | "random-seed"
        | "dbus-id"
        | "cloud-init";
      /** absent: this guest has no such item. */
      readonly status: "renewed" | "absent" | "failed";
      /** Why the item is absent, or how it failed. */
      readonly reason?: string;
    }[];
  };
  /** The changes that a killed agent left, and that this one undid at its start. */
  readonly repaired?: readonly Repaired[];
  /** Hooks whose thaw failed. A program gets it when it registers again. */
  readonly owedThaws?: readonly string[];
  /** Number of programs that have reached the point where the snapshot may be taken (lull ready). Not given if there is none. */
  readonly ready?: number;
  /** Memory that a recovery needs, after the settle, with --publish-working-set. Only for callers outside of the guest that may prepare. */
  readonly workingSet?: {
    /** Bytes of a page. */
    readonly pageSize: number;
    readonly ranges: readonly (readonly [number, number])[];
  };
  readonly ports?: {
    readonly state: string;
    readonly ports: readonly {
      readonly port: number;
      readonly targets: readonly string[];
      readonly listening: boolean;
      readonly error?: string;
    }[];
  };
}

/** The report of a prepare. */
export interface PrepareReport {
  readonly operation: string;
  /** Kind of snapshot. Steps that it leaves out are skipped, with the reason. */
  readonly kind: "full" | "diff" | "disk";
  /** Whether the settle has ended. */
  readonly settled: boolean;
  /** Milliseconds until the guest was quiesced. */
  readonly quiescedMs?: number;
  /** Milliseconds until the settle ended. */
  readonly settledMs?: number;
  /** The steps, in the order in which they ran. */
  readonly steps: readonly StepReport[];
  readonly trace?: TraceReport;
}

/** The reply of a recover. */
export interface RecoverReply {
  /** False if there was nothing to recover. */
  readonly recovered: boolean;
  readonly recovery?: RecoveryReport;
  /** Repairs after the recovery, when the host sent its data. */
  readonly late?: readonly StepReport[];
}

/** The report of a recovery or of the undo of a failed prepare. */
export interface RecoveryReport {
  readonly operation: string;
  /** The kind of snapshot that the guest had prepared for. */
  readonly kind: "full" | "diff" | "disk";
  /** What began the recovery. failure: the prepare failed and was undone without a call. */
  readonly trigger:
    | "health"
    | "recover"
    | "evidence"
    | "lease"
    | "signal"
    | "failure";
  readonly outcome: "restored" | "resumed" | "expired" | "aborted";
  /** The generation that this recovery began. */
  readonly generation: number;
  readonly ms: number;
  readonly evidence?: Evidence;
  /** The repairs and undos, in their order. The list grows if a step ends after its operation and is undone then. */
  readonly steps: readonly StepReport[];
  readonly trace?: TraceReport;
}

/** The report of a step, an undo or a repair. */
export interface StepReport {
  readonly name: string;
  /** timeout: not done within its limit. overtaken: the operation ended before the step did. */
  readonly status: "done" | "skipped" | "failed" | "timeout" | "overtaken";
  readonly ms: number;
  /** What the step did, in its own terms. Sizes are in bytes. */
  readonly effect?: Readonly<Record<string, unknown>>;
  /** Why the step was skipped, or how it failed. */
  readonly reason?: string;
}

/** The evidence of a restore, from the kernel and the clocks. */
export interface Evidence {
  /** Whether restored is certain, be it true or false. */
  readonly conclusive: boolean;
  /** The kernel, or the VMClock device, reports that this machine is a fork. */
  readonly restored: boolean;
  /** The machine was paused or restored. */
  readonly paused: boolean;
  readonly sources: readonly {
    readonly name: "vmgenid" | "vmclock" | "rtc" | "ptp";
    readonly available: boolean;
    /** Why the source is not available, or why its answer is uncertain. */
    readonly reason?: string;
    /** What the source found. Not given if it found no sign of a pause or a restore. */
    readonly finding?: string;
  }[];
}

/** The trace of a transition, for a host that exports it. */
export interface TraceReport {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  readonly sampled: boolean;
  readonly spans: readonly {
    readonly spanId: string;
    readonly parentId: string;
    readonly name: string;
    /** Nanoseconds since 1970. */
    readonly start: string;
    /** Nanoseconds since 1970. */
    readonly end?: string;
  }[];
}

/** A change that a killed agent left, and that this one undid at its start. */
export interface Repaired {
  readonly kind: string;
  /** owed: hooks have not got their thaw yet. failed: the change or a part of it is not undone. In both cases the rest stays recorded. corrupt: the record could not be read, and its file was renamed. */
  readonly status: "repaired" | "owed" | "failed" | "corrupt";
  readonly ms: number;
  /** What was done, in its own terms. */
  readonly effect?: Readonly<Record<string, unknown>>;
  /** Hooks that are still owed their thaw. */
  readonly owed?: readonly string[];
  readonly reason?: string;
}

/** A problem document (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly state:
    | "running"
    | "preparing"
    | "quiesced"
    | "undoing"
    | "recovering";
  /** What is wrong with the call. */
  readonly errors?: readonly {
    /** The wrong field; empty for the whole body. */
    readonly path: string;
    readonly expected: string;
  }[];
  /** The prepare that failed, and how it was undone. */
  readonly report?: {
    readonly prepare: PrepareReport;
    readonly undo: RecoveryReport;
  };
  readonly recovery?: RecoveryReport;
  /** Repairs after the recovery, when the host sent its data. */
  readonly late?: readonly StepReport[];
  /** The fields of the call that were not applied. */
  readonly fields?: readonly string[];
}

/** The state of the agent, as an event tells it. */
export interface StateEvent {
  readonly state:
    | "running"
    | "preparing"
    | "quiesced"
    | "undoing"
    | "recovering";
  /** The operation under way, or the last one. */
  readonly operation?: string;
  readonly generation: number;
}

/** The ports that are forwarded, and everything about each. */
export interface PortList {
  /** resting: no interface has a forward address. stopped: the guest is quiesced. off: --no-forward-ports. */
  readonly state: "running" | "resting" | "stopped" | "off";
  /** The forward addresses that an interface has. */
  readonly addresses: readonly string[];
  readonly rules: PortRules;
  /** False if the search for processes ended at its time limit. */
  readonly complete: boolean;
  readonly ports: readonly {
    readonly protocol: "tcp" | "udp";
    readonly port: number;
    /** The forward addresses on which it can be reached. */
    readonly addresses: readonly string[];
    /** Loopback addresses, or unix: and a path. */
    readonly targets: readonly string[];
    /** Why it cannot be reached on another address. */
    readonly error?: string;
    /** When the forwarding of it began, as RFC 3339. */
    readonly since?: string;
    /** Connections since then; for UDP, clients. */
    readonly connections: number;
    /** Connections that are open now. */
    readonly open: number;
    /** Bytes from clients. */
    readonly bytesIn: number;
    /** Bytes to clients. */
    readonly bytesOut: number;
    /** The processes that have the server's socket open. */
    readonly processes: readonly {
      readonly pid: number;
      readonly name: string;
    }[];
  }[];
}

/** The rules that choose the ports to forward. */
export interface PortRules {
  /** Ports and ranges; empty stands for all ports. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** New rules. They replace the former ones. */
export interface PortRulesOptions {
  /** Ports that may be forwarded; all ports if the list is empty or not given. */
  readonly include?: readonly string[];
  /** Ports that are never forwarded; none if the list is not given. */
  readonly exclude?: readonly string[];
}

/** The reply to new rules. */
export interface PortRulesReply {
  readonly rules: PortRules;
  /** False in a quiesced guest: then the recovery applies them. */
  readonly applied: boolean;
}

/** A port that is forwarded from now on, or no longer. */
export interface PortEvent {
  /** Whether the port is forwarded from now on, or no longer. */
  readonly change: "opened" | "closed";
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly targets: readonly string[];
}
