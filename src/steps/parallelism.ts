/**
 * Step: moves every thread of the agent onto one CPU, so that only one thread runs at a time and a
 * freeze never interrupts two of them.
 * @module
 */
import { PartlyDone } from "../lifecycle/errors.ts";
import { type Effect, type Step, WITHOUT_LIBC } from "../lifecycle/step.ts";
import { type Pinned, pinThreads } from "../linux/affinity.ts";
import type { Libc } from "../linux/libc.ts";

/**
 * The undo sets the former mask of each thread exactly. If that fails, the next prepare first tries
 * it again.
 */
export function parallelismStep(libc: Libc): Step {
  return {
    quiesce({ dryRun }) {
      if (libc.sched_setaffinity === undefined) return WITHOUT_LIBC;
      const pinned = pinThreads(libc, dryRun);
      const { cpu, threads } = pinned;
      return { effect: { cpu, threads }, undo: () => unpin(pinned) };
    },
  };
}

function unpin(pinned: Pinned): Effect {
  const { threads, failed } = pinned.restore();
  const effect = { threads, failed };
  if (failed.length === 0) return effect;
  throw new PartlyDone(
    `Cannot set the former CPUs of every thread: ${failed[0].error}`,
    effect,
  );
}
