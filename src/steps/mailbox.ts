/**
 * Step and repair: the data of this fork comes from the mailbox, without a call of the host. The step
 * notes the content that is there before the snapshot. The repair reads the content of the fork, for
 * the repairs after it.
 * @module
 */
import type { Mailbox } from "../mailbox/mailbox.ts";
import type { Effect, Repair, Skipped, Step } from "../lifecycle/step.ts";

/**
 * Effect of the step: `source` and `hasContent`. Effect of the repair: `source`, and the `fields`
 * that the content has; `problems` if one of them is not used.
 */
export function mailboxStep(
  mailbox: Pick<Mailbox, "note" | "take">,
): Step & Repair {
  return {
    async quiesce({ signal }) {
      const effect: Effect | Skipped = await mailbox.note(signal);
      return "skipped" in effect ? effect as Skipped : { effect };
    },
    repair: ({ operation, signal }) => mailbox.take({ operation, signal }),
  };
}
