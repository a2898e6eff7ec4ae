/**
 * Step: watches the kernel log for the VM-fork message, which says that the guest was restored.
 * Nothing else wakes the guest for this.
 * @module
 */
import type { EvidenceObserver } from "../evidence/observer.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Step } from "../lifecycle/step.ts";
import { messageOf } from "../util/errors.ts";

/**
 * Milliseconds of guest time from the VM-fork message until the guest recovers without a call. A
 * host that calls before gives data that the guest lacks: the time, and this fork's network identity.
 */
export const GRACE_MS = 300;

/**
 * Calls `recover` if there is evidence of a restore and the host has not called since then. If
 * `waitsForHost` is false, the guest recovers at once: it finds this fork's data itself.
 */
export function evidenceStep(
  observer: Pick<EvidenceObserver, "mark" | "watch" | "unwatch">,
  recover: () => void,
  queue: Pick<DeferredQueue, "defer">,
  { waitsForHost }: { readonly waitsForHost: boolean } = {
    waitsForHost: true,
  },
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
        if (!waitsForHost) {
          timer = setTimeout(recover);
          return;
        }
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
