/**
 * Step: every thread of the agent on one CPU, so that whatever still runs, runs
 * one thing at a time and no freeze lands between two of them.
 * @module
 */
import type { Effect, Step } from "../lifecycle/step.ts";
import { type Pinned, pinThreads } from "../linux/affinity.ts";
import type { Libc } from "../linux/libc.ts";

/**
 * Undone by giving each thread its former mask back, exactly. Where that fails
 * it is tried again before the next pinning: to save the mask of a thread that
 * is still pinned would leave it on one CPU for ever.
 */
export function parallelismStep(libc: Libc): Step {
  let pinned: Pinned | undefined;
  function unpin(): Effect {
    if (pinned === undefined) return {};
    const { threads, failed } = pinned.restore();
    const effect = { threads, failed };
    if (failed.length > 0) {
      const error = new Error(
        `Cannot give every thread its CPUs back: ${failed[0].error}`,
      );
      throw Object.assign(error, { effect });
    }
    pinned = undefined;
    return effect;
  }
  return {
    quiesce() {
      if (libc.sched_setaffinity === undefined) {
        return { skipped: "the C library could not be loaded" };
      }
      if (pinned !== undefined) unpin();
      pinned = pinThreads(libc);
      const { cpu, threads } = pinned;
      return { effect: { cpu, threads }, undo: unpin };
    },
  };
}
