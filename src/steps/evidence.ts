/**
 * Step: from here on the guest looks out for a restore, without being woken by
 * anything else than the kernel's word for it.
 * @module
 */
import type { EvidenceObserver } from "../evidence.ts";
import { messageOf, type Step } from "../lifecycle/step.ts";

/**
 * Guest time in which a host may still call, in milliseconds, before the guest
 * recovers on its own: the host knows the time, and this fork's name, better.
 */
export const GRACE_MS = 300;

/** `recover` is called once there is evidence and nobody has called since. */
export function evidenceStep(
  observer: Pick<EvidenceObserver, "mark" | "watch" | "unwatch">,
  recover: () => void,
): Step {
  return {
    name: "evidence",
    limitMs: 5000,
    onFailure: "continue",
    quiesce() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const undo = () => {
        clearTimeout(timer);
        observer.unwatch();
      };
      observer.mark();
      try {
        observer.watch(() => timer = setTimeout(recover, GRACE_MS));
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
