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

/** The steps by their names, each made by its file in src/steps. */
export interface Steps {
  readonly ports: Step;
  readonly filesystem: Step;
  readonly connections: Step;
  readonly collect: Step;
  readonly parallelism: Step;
}

/** Puts the steps in order. */
export function plan(steps: Steps): Plan {
  return {
    beforeReply: [
      steps.ports, // no scanner, no forwarder, no forwarded connection
      steps.filesystem, // dirty pages are on the disk
      steps.connections, // nobody is connected but those who wait for a reply
    ],
    // The reply leaves here.
    settle: [
      steps.collect, // no garbage, and the memory is back with the kernel
      steps.parallelism, // every thread on one CPU
    ],
    repairs: [],
  };
}
