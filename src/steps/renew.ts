/**
 * Repair: gives this fork a machine identity of its own, as far as the host asks for it.
 * @module
 */
import type { Renewer, RenewerOptions } from "../identity/renewer.ts";
import { PartlyDone } from "../lifecycle/errors.ts";
import type { Effect, RecoveryContext, Repair } from "../lifecycle/step.ts";

/**
 * Effect: `items`, the result of each item since the restore. Fails if one of the items that this
 * call asks for is not renewed; the other items are renewed all the same. Runs after the repair of
 * the entropy, so that new keys are of this fork, and after that of the network, whose names they
 * do not have.
 */
export function renewRepair(options: RenewerOptions): Repair {
  let renewer: Renewer | undefined;
  return {
    repair(context) {
      const { renew } = context.request;
      if (renew === undefined) return { skipped: "no item was asked for" };
      return repair(context, renew);
    },
  };

  async function repair(
    { request, generation, signal }: RecoveryContext,
    asked: NonNullable<RecoveryContext["request"]["renew"]>,
  ): Promise<Effect> {
    const { Renewer } = await import("../identity/renewer.ts");
    renewer ??= new Renewer(options);
    const items = await renewer.renew({
      ...{ items: asked, generation, signal },
      onDisk: request.renewOnDisk ?? false,
    });
    const failed = items.filter(({ item, status }) =>
      status === "failed" && asked.includes(item)
    );
    if (failed.length === 0) return { items };
    const reasons = failed.map(({ item, reason }) => `${item}: ${reason}`);
    throw new PartlyDone(`Cannot renew ${reasons.join("; ")}`, { items });
  }
}
