/**
 * Step: every thread of the agent on one CPU, so that whatever still runs, runs
 * one thing at a time and no freeze lands between two of them.
 * @module
 */
import type { Effect, Step } from "../lifecycle/step.ts";
import { type Pinned, pinThreads } from "../linux/affinity.ts";
import type { Libc } from "../linux/libc.ts";

/**
 * Undone by giving each thread its former mask back, exactly. Where that fails,
 * the next pinning tries it again first.
 */
export function parallelismStep(libc: Libc): Step {
  return {
    quiesce({ dryRun }) {
      if (libc.sched_setaffinity === undefined) {
        return { skipped: "the C library could not be loaded" };
      }
      const pinned = pinThreads(libc);
      if (dryRun) pinned.restore(); // at once; the undo then finds nothing to do
      const { cpu, threads } = pinned;
      return { effect: { cpu, threads }, undo: () => unpin(pinned) };
    },
  };
}

function unpin(pinned: Pinned): Effect {
  const { threads, failed } = pinned.restore();
  const effect = { threads, failed };
  if (failed.length === 0) return effect;
  const error = new Error(
    `Cannot give every thread its CPUs back: ${failed[0].error}`,
  );
  throw Object.assign(error, { effect });
}
