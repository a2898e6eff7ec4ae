/**
 * The transitions of the lifecycle: from running to quiesced, the settle, and back to running.
 * @module
 */
import { DeferredRepairs } from "./deferred_repairs.ts";
import { type Cause, Lapsed } from "./errors.ts";
import { Lease } from "./lease.ts";
import { Machine } from "./machine.ts";
import { dryRunOf, type Plan } from "./make_plan.ts";
import { Operation } from "./operation.ts";
import type { LifecycleOptions } from "./options.ts";
import { PrepareFailed, type RecoveredOperation, undoAll } from "./recovery.ts";
import type { Evidence, Recovery } from "./reports.ts";
import type { PrepareRequest, RecoverRequest } from "./request.ts";

/** Makes the transitions. Which of them a call needs is decided in lifecycle.ts. */
export class Transitions {
  readonly machine = new Machine();
  readonly lease: Lease;
  /** Repairs with data that the host sends after the recovery. */
  readonly deferred: DeferredRepairs;
  readonly #options: LifecycleOptions;
  readonly #plan: Plan;
  readonly #onExpire: () => void;
  #generation: number;

  /** `onExpire` is called if the lease ends, or the effect of a step before its undo. */
  constructor(options: LifecycleOptions, onExpire: () => void) {
    this.#options = options;
    this.#plan = options.dryRun ? dryRunOf(options.plan) : options.plan;
    this.#onExpire = onExpire;
    this.deferred = new DeferredRepairs(this.#plan.repairs, options);
    this.lease = new Lease(onExpire, options);
    this.#generation = options.generation ?? 0;
  }

  /** Grows by one at every recovery. */
  get generation(): number {
    return this.#generation;
  }

  /** From running to preparing, and on to quiesced. Rejects with {@linkcode PrepareFailed}. */
  begin(request: PrepareRequest): Promise<Operation> {
    const { leaseSeconds, newId, dryRun } = this.#options;
    const id = request.operation ?? newId();
    const kind = request.kind ?? this.#options.kind;
    const generation = this.#generation;
    const operation = new Operation(id, generation, kind, dryRun, request);
    this.lease.start(request.lease ?? leaseSeconds);
    // Starts asynchronously, because the state must be entered first. Data that
    // arrives from now on is not waited for: it belongs to this or a later operation.
    const done = this.deferred.idle.then(() => this.#quiesce(operation));
    this.machine.to({ state: "preparing", operation, done });
    return done;
  }

  /** Runs the steps before the reply. Every path leads to quiesced or to the undo. */
  async #quiesce(operation: Operation): Promise<Operation> {
    try {
      const { onPrepare, onQuiet } = this.#options;
      onPrepare?.(operation);
      await operation.waitFor(this.machine.last);
      await operation.waitForRepairs(this.deferred.running);
      await operation.run(this.#plan.beforeReply);
      operation.quiescedMs = operation.age;
      operation.call.trace?.end();
      onQuiet?.(operation);
      this.machine.to({ state: "quiesced", operation });
      return operation;
    } catch (error) {
      operation.quiescedMs = undefined;
      const { cause } = operation;
      const { recovery } = await this.#toRunning(
        "undoing",
        operation,
        cause,
        {},
      );
      throw new PrepareFailed(operation, recovery, error);
    }
  }

  /** Runs the steps after the reply. Resolves to false if the operation was overtaken. */
  async settle(operation: Operation): Promise<boolean> {
    try {
      await operation.run(this.#plan.settle);
      operation.settledMs = operation.age;
      operation.call.trace?.end();
      this.#options.onSettled?.();
      return true;
    } catch (error) {
      if (operation.cause === undefined) this.report(error);
      // Not awaited, because the recovery waits for the end of the settle.
      if (error instanceof Lapsed) this.#onExpire();
      return false;
    }
  }

  /** From quiesced to recovering, and on to running. */
  recover(
    operation: Operation,
    cause: Cause,
    request: RecoverRequest,
  ): Promise<RecoveredOperation> {
    return this.#toRunning("recovering", operation, cause, request);
  }

  /** Enters the state, undoes the operation, and goes on to running. */
  #toRunning(
    state: "recovering" | "undoing",
    operation: Operation,
    cause: Cause | undefined,
    request: RecoverRequest,
  ): Promise<RecoveredOperation> {
    if (cause !== undefined) operation.abort(cause);
    this.lease.stop();
    this.#options.onUndo?.(operation, request);
    if (state === "recovering") this.deferred.requirements.announce(request);
    const done = Promise.resolve().then(() =>
      this.#undo(state, operation, cause?.trigger ?? "failure", request)
    );
    this.machine.to({ state, operation, done });
    return done;
  }

  async #undo(
    state: "recovering" | "undoing",
    operation: Operation,
    trigger: Recovery["trigger"],
    request: RecoverRequest,
  ): Promise<RecoveredOperation> {
    const { onRunning } = this.#options;
    let undone: Awaited<ReturnType<typeof undoAll>>;
    try {
      undone = await undoAll(operation, {
        repairs: state === "recovering" ? this.#plan.repairs : undefined,
        ...{ trigger, request, generation: this.#generation },
        evidence: () => this.evidence(),
      });
      this.#generation = undone.recovery.generation;
    } finally {
      this.machine.to({ state: "running" });
    }
    const { recovery } = undone;
    const notApplied = state === "recovering"
      // The caller gets the fields of its own request only.
      ? this.deferred.begin(recovery, undone.request)
        .filter((field) => request[field] !== undefined)
      : this.deferred.undone(recovery);
    try {
      onRunning?.(operation, recovery);
    } catch (error) {
      this.report(error);
    }
    return { recovery, notApplied };
  }

  /** Looks for evidence of a restore since the prepare; undefined if it cannot be found. */
  async evidence(): Promise<Evidence | undefined> {
    try {
      return await this.#options.evidence?.();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }

  /** Reports an error that no caller gets. */
  report(error: unknown): void {
    this.#options.onError?.(error);
  }
}
