import { describe } from "node:test";
import { Fleet, type FleetOptions } from "./fleet.ts";
import type { Variant } from "./image.ts";
import { restoreSuite } from "./restore_suite.ts";
import { timingSuite } from "./timing_suite.ts";
import { trafficSuite } from "./traffic_suite.ts";

/** The lifecycle of design page 2 in real machines, for one variant of the agent. */
export function lifecycleSuite(
  variant: Variant,
  options: FleetOptions = {},
): void {
  describe(`a machine with the ${variant} agent`, () => {
    const fleet = new Fleet(variant, {
      flags: [
        // A test sees the end of a half-sent request, another none before its prepare.
        "--header-timeout-ms=10000",
        // A settle long enough for a freeze to land in it: half a second under TCG.
        "--zero-memory-mib=64",
      ],
      ...options,
    });
    restoreSuite(fleet);
    timingSuite(fleet);
    trafficSuite(fleet);
  });
}
