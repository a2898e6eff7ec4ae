/**
 * What the agent does once it is running again.
 * @module
 */
import type { LifecycleOptions } from "../lifecycle/options.ts";
import type { Operation } from "../lifecycle/operation.ts";
import type { Recovery } from "../lifecycle/recovery.ts";
import type { Metrics } from "../http/metrics.ts";
import type { NextTurn } from "../util/deferred_queue.ts";
import type { Guard } from "../http/guard.ts";

/** What is told of a recovery. */
export interface AfterRecovery {
  readonly metrics: Pick<Metrics, "ended">;
  readonly guard: Pick<Guard, "forget">;
  readonly later: Pick<NextTurn, "do">;
  /** Called when the reply has left: it does not wait for a line in the log. */
  readonly tell: (operation: Operation, recovery: Recovery) => void;
}

/** Keeps the books of a recovery, or of a prepare that did not hold. */
export function afterRecovery(
  { metrics, guard, later, tell }: AfterRecovery,
): NonNullable<LifecycleOptions["onRunning"]> {
  return (operation, recovery) => {
    metrics.ended(operation, recovery);
    guard.forget();
    later.do(() => tell(operation, recovery));
  };
}
