/**
 * Step: every thread of the agent on one CPU, so that whatever still runs, runs
 * one thing at a time and no freeze lands between two of them.
 * @module
 */
import type { Step } from "../lifecycle/step.ts";
import { pinThreads } from "../linux/affinity.ts";
import type { Libc } from "../linux/libc.ts";

/** Undone by giving each thread its former mask back, exactly. */
export function parallelismStep(libc: Libc): Step {
  return {
    name: "parallelism",
    limitMs: 1000,
    onFailure: "continue",
    quiesce() {
      if (libc.sched_setaffinity === undefined) {
        return { skipped: "the C library could not be loaded" };
      }
      const pinned = pinThreads(libc);
      return {
        effect: { cpu: pinned.cpu, threads: pinned.threads },
        undo: () => ({ ...pinned.restore() }),
      };
    },
  };
}
