/**
 * What the routes receive of the agent.
 * @module
 */
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { OwedThaws } from "../hooks/owed_thaws.ts";
import type { Repaired } from "../lifecycle/journal.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { Log } from "../log/mod.ts";
import type { PortSubsystem } from "../ports/subsystem.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Guard } from "./guard.ts";
import type { Metrics } from "./metrics.ts";

/** The parts of the agent that the routes call. */
export interface Agent {
  readonly lifecycle: Lifecycle;
  readonly runtime: Pick<Runtime, "name" | "version">;
  readonly tracker: Pick<ConnectionTracker, "keepAlive">;
  readonly ports?: Pick<PortSubsystem, "status">;
  readonly metrics: Metrics;
  /** What a killed agent had left, and this one took back at its start. */
  readonly repaired: readonly Repaired[];
  /** The thaws that hooks are owed now. */
  readonly owed?: Pick<OwedThaws, "names">;
  /** Names for requests. */
  readonly newId: () => string;
  readonly log: Log;
  readonly bodyLimitBytes: number;
  readonly guard: Pick<Guard, "refusal" | "mayRecoverByHealth">;
  /** Whether calls need the token, health checks excepted. */
  readonly tokenNeeded: boolean;
  /** Whether a health check may end what is quiesced. */
  readonly healthMayRecover: () => boolean;
}
