/**
 * Step: from here on the guest looks out for a restore, without being woken by
 * anything else than the kernel's word for it.
 * @module
 */
import type { EvidenceObserver } from "../evidence/observer.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Step } from "../lifecycle/step.ts";
import { messageOf } from "../util/errors.ts";

/**
 * Guest time in which a host may still call, in milliseconds, before the guest
 * recovers on its own: the host knows the time, and this fork's name, better.
 */
export const GRACE_MS = 300;

/** `recover` is called once there is evidence and nobody has called since. */
export function evidenceStep(
  observer: Pick<EvidenceObserver, "mark" | "watch" | "unwatch">,
  recover: () => void,
  queue: Pick<DeferredQueue, "defer">,
): Step {
  return {
    quiesce() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      let over = false;
      const undo = () => {
        over = true;
        if (timer !== undefined) clearTimeout(timer);
        observer.unwatch();
      };
      const onFork = () => {
        const end = performance.now() + GRACE_MS;
        queue.defer(() => {
          if (over) return;
          timer = setTimeout(recover, Math.max(0, end - performance.now()));
        });
      };
      observer.mark();
      try {
        observer.watch(onFork);
        return { effect: { watching: true }, undo };
      } catch (error) {
        return {
          effect: { watching: false, reason: messageOf(error) },
          undo,
        };
      }
    },
  };
}
