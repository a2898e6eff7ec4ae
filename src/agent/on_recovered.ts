/**
 * What the agent does after a recovery, or after a prepare that failed and was undone.
 * @module
 */
import type { ReadySocket } from "../hooks/ready_socket.ts";
import type { HookRegistry } from "../hooks/registry.ts";
import type { Guard } from "../http/guard.ts";
import type { Metrics } from "../http/metrics.ts";
import type { LifecycleOptions } from "../lifecycle/options.ts";
import type { Log } from "../log/mod.ts";
import type { WorkingSet } from "../memory/working_set.ts";
import type { GenerationFile } from "../steps/generation.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import { errorText } from "../util/errors.ts";

/** The parts of the agent that a recovery concerns. */
interface OnRecoveredOptions {
  readonly metrics: Pick<Metrics, "ended" | "count">;
  readonly guard: Pick<Guard, "forget">;
  readonly queue: Pick<DeferredQueue, "defer">;
  /** Runs the action at the beginning of the next prepare. */
  readonly atPrepare: (action: () => void) => void;
  readonly program: Pick<WorkingSet, "record">;
  readonly registry: Pick<HookRegistry, "save">;
  readonly ready: Pick<ReadySocket, "isDue" | "release">;
  readonly generationFile: Pick<GenerationFile, "ready">;
  /** Writes the log lines that were kept while the guest was quiesced. */
  readonly releaseLog: () => void;
  readonly log: Pick<Log, "info" | "error">;
  /** Called when the last log line of the operation is written. */
  readonly logged: () => void;
}

/**
 * Returns the function that does everything that follows a recovery, in order. The part that is
 * deferred runs after the reply, and after the work that the undos of the steps have deferred. Work
 * that only the next recovery needs is done at the next prepare: a fork that is never prepared
 * touches no page for it.
 */
export function onRecovered(
  {
    metrics,
    guard,
    queue,
    program,
    registry,
    ready,
    generationFile,
    atPrepare,
    ...options
  }: OnRecoveredOptions,
): NonNullable<LifecycleOptions["onRunning"]> {
  const { releaseLog, log, logged } = options;
  return (operation, recovery) => {
    const wasQuiesced = operation.quiescedMs !== undefined;
    metrics.ended(operation, recovery);
    guard.forget();
    if (wasQuiesced && ready.isDue) {
      const { generation, outcome, operation } = recovery;
      // In a turn of its own, after the reply to the caller of the recovery.
      setTimeout(() => {
        ready.release({ generation, outcome, operation }).catch((error) =>
          log.error("programs that waited for the recovery got no identity", {
            error: errorText(error),
          })
        );
      });
    }
    atPrepare(() => {
      metrics.count();
      if (wasQuiesced) program.record();
      generationFile.ready();
    });
    queue.defer(() => {
      registry.save();
      releaseLog();
      const { steps, trace, ...rest } = recovery;
      log[wasQuiesced ? "info" : "error"](
        wasQuiesced ? "recovered" : "prepare undone",
        {
          ...rest,
          prepare: operation.reports,
          recovery: steps,
          ...trace && { trace: trace.traceId },
        },
      );
      logged();
    });
  };
}
