/**
 * The contract: one suite, run over each target by a file of its own.
 */
import type { Target } from "../support/agent.ts";
import { callers } from "./callers.ts";
import { connections } from "./connections.ts";
import { dialects } from "./dialects/suite.ts";
import { diskWrites } from "./disk_writes.ts";
import { events } from "./events.ts";
import { faults } from "./faults.ts";
import { forwarding } from "./forwarding.ts";
import { forwardingWays } from "./forwarding_ways.ts";
import { identity } from "./identity.ts";
import { incompleteBodies } from "./incomplete_bodies.ts";
import { input } from "./input.ts";
import { kinds } from "./kinds.ts";
import { limits } from "./limits.ts";
import { observability } from "./observability.ts";
import { ports } from "./ports.ts";
import { process } from "./process.ts";
import { promise } from "./promise.ts";
import { recovery } from "./recovery.ts";
import { rounds } from "./rounds.ts";
import { routes } from "./routes.ts";
import { workingSet } from "./working_set.ts";
import { targets } from "./targets.ts";

/** Declares every contract test for one target. */
export function contract(target: Target): void {
  routes(target);
  input(target);
  incompleteBodies(target);
  targets(target);
  rounds(target);
  kinds(target);
  recovery(target);
  identity(target);
  promise(target);
  connections(target);
  callers(target);
  limits(target);
  events(target);
  forwarding(target);
  ports(target);
  forwardingWays(target);
  workingSet(target);
  diskWrites(target);
  faults(target);
  observability(target);
  dialects(target);
  process(target);
}
