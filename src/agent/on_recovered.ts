/**
 * What the agent does once it is running again.
 * @module
 */
import type { LifecycleOptions } from "../lifecycle/options.ts";
import type { Operation } from "../lifecycle/operation.ts";
import type { Recovery } from "../lifecycle/recovery.ts";
import type { Metrics } from "../http/metrics.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Guard } from "../http/guard.ts";

/** What is told of a recovery. */
export interface OnRecoveredOptions {
  readonly metrics: Pick<Metrics, "ended">;
  readonly guard: Pick<Guard, "forget">;
  readonly queue: Pick<DeferredQueue, "defer">;
  /** Called when the reply has left: it does not wait for a line in the log. */
  readonly tell: (operation: Operation, recovery: Recovery) => void;
}

/** Keeps the books of a recovery, or of a prepare that did not hold. */
export function onRecovered(
  { metrics, guard, queue, tell }: OnRecoveredOptions,
): NonNullable<LifecycleOptions["onRunning"]> {
  return (operation, recovery) => {
    metrics.ended(operation, recovery);
    guard.forget();
    queue.defer(() => tell(operation, recovery));
  };
}
