/**
 * The contract: one suite, run over each target by a file of its own.
 */
import type { Target } from "../support/agent.ts";
import { callers } from "./callers.ts";
import { connections } from "./connections.ts";
import { events } from "./events.ts";
import { faults } from "./faults.ts";
import { forwarding } from "./forwarding.ts";
import { limits } from "./limits.ts";
import { process } from "./process.ts";
import { promise } from "./promise.ts";
import { recovery } from "./recovery.ts";
import { rounds } from "./rounds.ts";
import { routes } from "./routes.ts";
import { targets } from "./targets.ts";

/** Declares every contract test for one target. */
export function contract(target: Target): void {
  routes(target);
  targets(target);
  rounds(target);
  recovery(target);
  promise(target);
  connections(target);
  callers(target);
  limits(target);
  events(target);
  forwarding(target);
  faults(target);
  process(target);
}
