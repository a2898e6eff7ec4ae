/**
 * The plan: what prepare does, in this order, and recovery takes back in the
 * reverse. The only place where order lives.
 * @module
 */
import type { Repair, Step } from "./step.ts";

/** The steps of one operation. */
export interface Plan {
  /** Done before the reply to prepare leaves; recovery undoes them last. */
  readonly beforeReply: readonly Step[];
  /** The settle: done after the reply has left; recovery undoes them first. */
  readonly settle: readonly Step[];
  /** Done by recovery alone, before any undo. */
  readonly repairs: readonly Repair[];
}

/** The steps and repairs by their names, each made by its file in src/steps. */
export interface Parts {
  readonly hooks: Step;
  readonly ports: Step;
  readonly workload: Step;
  readonly filesystem: Step;
  readonly freezeMounts: Step;
  readonly memory: Step;
  readonly connections: Step;
  readonly workloadConnections: Step;
  readonly evidence: Step;
  readonly lateConnections: Step;
  readonly collect: Step;
  readonly release: Step;
  readonly parallelism: Step;
  readonly entropy: Repair;
  readonly clock: Repair;
  readonly network: Repair;
  readonly resetConnections: Repair;
  readonly generation: Repair;
}

/** Puts the steps in order. */
export function plan(parts: Parts): Plan {
  return {
    beforeReply: [
      parts.hooks, // the guest's programs have had their say
      parts.ports, // no scanner, no forwarder, no forwarded connection
      parts.workload, // the workload stands still
      parts.filesystem, // what was written is on the disk
      parts.freezeMounts, // named filesystems take no writes
      parts.memory, // what can be read again is not in the snapshot
      parts.connections, // connected are only those who wait for a reply
      parts.workloadConnections, // the workload's connections are known
      parts.evidence, // from here on, what happens is evidence of a restore
    ],
    // The reply leaves here.
    settle: [
      parts.lateConnections, // nor who had only just connected, and is silent
      parts.collect, // no garbage, and the memory is back with the kernel
      parts.release, // free memory is zeros
      parts.parallelism, // every thread on one CPU
    ],
    // The workload thaws only after all of these.
    repairs: [
      parts.entropy, // the random pool is not that of another fork
      parts.clock, // the wall clock is the host's
      parts.network, // addresses and names are this fork's own
      parts.resetConnections, // no connection to a peer in another time
      parts.generation, // programs can see that they were restored
    ],
  };
}
