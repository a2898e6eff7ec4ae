/**
 * The dry run: a prepare and a recovery by the real lifecycle and the real steps, with a context
 * that marks it as a dry run. It changes nothing that lasts and nothing outside this process.
 * After it, the memory holds the program's pages that the first real recovery needs, and failures
 * of repairs are known.
 * @module
 */
import { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { LifecycleOptions } from "../lifecycle/options.ts";
import type { Recovery } from "../lifecycle/reports.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";

/** Seconds after which a dry run that hangs is undone. */
const LEASE_S = 60;

/** What a dry run needs of the agent. */
export interface DryRunOptions {
  /** The plan of the agent's own lifecycle; the steps that take part are marked in it. */
  readonly plan: LifecycleOptions["plan"];
  /** Looks for evidence of a restore, as the agent's own lifecycle does. */
  readonly evidence: LifecycleOptions["evidence"];
  /** The queue to which the steps defer work; it is empty after the dry run. */
  readonly queue: Pick<DeferredQueue, "defer" | "flush">;
  /** Called when the dry run is over, before {@linkcode DryRunOptions.askHealth}. */
  readonly onRunning: () => void;
  /** Sends a health check to the agent over a real socket. */
  readonly askHealth: () => Promise<unknown>;
}

/**
 * Performs one dry run. Resolves with one sentence for each repair or undo that failed: a real
 * recovery would fail there as well. No prepare may run at the same time.
 */
export async function dryRun(
  { plan, evidence, queue, onRunning, askHealth }: DryRunOptions,
): Promise<readonly string[]> {
  const errors: unknown[] = [];
  const lifecycle = new Lifecycle({
    ...{ plan, evidence, onRunning, dryRun: true, leaseSeconds: LEASE_S },
    newId: () => "dry-run",
    onError: (error) => errors.push(error),
  });
  let recovery: Recovery | undefined;
  try {
    await lifecycle.settle(await lifecycle.prepare());
    // Repairs do more at a restore than at any other outcome.
    const request = { outcome: "restored" } as const;
    ({ recovery } = await lifecycle.recover({ trigger: "health" }, request));
  } finally {
    queue.flush();
  }
  if (errors.length > 0) throw errors[0];
  await askHealth();
  return (recovery?.steps ?? [])
    .filter(({ status }) => status === "failed")
    .map(({ name, reason }) => `${name}: ${reason}`);
}
