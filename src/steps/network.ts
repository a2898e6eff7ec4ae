/**
 * Repair: gives this fork the addresses, routes and names that the host sent.
 * @module
 */
import type { Change } from "../lifecycle/journal.ts";
import type { Repair } from "../lifecycle/step.ts";
import type { ApplyOptions } from "../network/apply.ts";
import type { ForkNetwork, ForkOptions } from "../network/fork.ts";

/**
 * Effect: `interface` and `changed`, in the order of the changes; for several interfaces the same in
 * `interfaces`. `managers` says which program manages each interface, and what Lull told it. If a
 * change fails, the changes before it are undone, and the error says so. Without an identity, no
 * code is loaded.
 */
export function networkRepair(options: ForkOptions): Repair {
  let fork: ForkNetwork | undefined;
  return {
    async repair({ request }) {
      const { network, reply } = request;
      if (network === undefined) return { skipped: "no identity was given" };
      if (fork === undefined) {
        const { ForkNetwork } = await import("../network/fork.ts");
        fork = new ForkNetwork(options);
      }
      return await fork.apply(network, reply);
    },
    isInPlace: ({ network }) =>
      Promise.resolve(
        network === undefined || fork?.isInPlace(network) === true,
      ),
  };
}

/** Finishes the identity of a killed agent, for `repairAfterCrash`. */
export function finishNetwork(
  options: ApplyOptions,
): (change: Change) => Promise<Change> {
  return async (change) => {
    const { finishIdentity } = await import("../network/fork.ts");
    return await finishIdentity(options, change);
  };
}
