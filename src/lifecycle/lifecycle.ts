/**
 * The lifecycle: running, preparing, quiesced, recovering, running.
 * @module
 */
import { DeferredRepairs, fieldsOf } from "./deferred_repairs.ts";
import { type Cause, Ending, Lapsed } from "./errors.ts";
import { Lease } from "./lease.ts";
import { Machine, type State } from "./machine.ts";
import { Operation } from "./operation.ts";
import type { LifecycleOptions } from "./options.ts";
import { dryRunOf, type Plan } from "./make_plan.ts";
import {
  leave,
  PrepareFailed,
  type Recovered,
  type RecoveredOperation,
} from "./recovery.ts";
import type { Evidence, Recovery } from "./reports.ts";
import type { PrepareRequest, RecoverRequest } from "./request.ts";

/** The lifecycle of the agent; one transition at a time. */
export class Lifecycle {
  /** Repairs with data that the host sends after the recovery. */
  readonly deferred: DeferredRepairs;
  readonly #options: LifecycleOptions;
  readonly #plan: Plan;
  readonly #machine = new Machine();
  readonly #lease: Lease;
  #generation: number;
  #ending = false;

  constructor(options: LifecycleOptions) {
    this.#options = options;
    this.#plan = options.dryRun ? dryRunOf(options.plan) : options.plan;
    this.deferred = new DeferredRepairs(this.#plan.repairs, options);
    this.#lease = new Lease(() => this.#expire(), { onJump: options.onJump });
    this.#generation = options.generation ?? 0;
  }

  get state(): State {
    return this.#machine.phase.state;
  }
  /** Grows by one at every recovery. */
  get generation(): number {
    return this.#generation;
  }
  get lease(): Pick<Lease, "seconds" | "left"> {
    return this.#lease;
  }
  /** The operation under way, or the last one. */
  get operation(): Operation | undefined {
    return this.#machine.operation;
  }
  /** As {@linkcode Machine.watch}. */
  watch(watcher: () => void): () => void {
    return this.#machine.watch(watcher);
  }
  get lastRecovery(): Recovery | undefined {
    return this.deferred.recovery;
  }

  /**
   * Quiesces the guest, up to the reply. Throws {@linkcode PrepareFailed} after a
   * failed prepare is undone, OtherOperation, OtherKind and {@linkcode Ending}.
   */
  async prepare(request: PrepareRequest = {}): Promise<Operation> {
    for (;;) {
      const { phase } = this.#machine;
      switch (phase.state) {
        case "running":
          if (this.#ending) throw new Ending();
          return await this.#begin(request);
        case "preparing":
          if (phase.operation.cause !== undefined) {
            await phase.done.catch(() => {}); // it was aborted
            break;
          }
          phase.operation.refuseOther(request);
          if (request.lease !== undefined) this.#lease.extend(request.lease);
          return await phase.done;
        case "quiesced":
          // A fork of the quiesced guest needs a recovery of its own first.
          if ((await this.#evidence())?.restored) {
            await this.recover({ trigger: "evidence" });
          } else if (this.#machine.phase === phase) {
            phase.operation.refuseOther(request);
            if (phase.operation.lapsed !== undefined) {
              await this.recover({ trigger: "lease" });
              break;
            }
            this.#lease.extend(request.lease ?? this.#lease.seconds);
            return phase.operation;
          }
          break;
        default:
          await phase.done;
      }
    }
  }

  /** Runs the settle, once per operation. Resolves to false if it was overtaken. */
  settle(operation: Operation): Promise<boolean> {
    return operation.settling ??= this.#settle(operation);
  }

  /**
   * Recovers, exactly once per operation: other calls wait for the first call and get
   * its report. If the recovery did not get the data of a request, the data is applied
   * after it. Throws OtherOperation.
   */
  async recover(
    cause: Cause,
    request: RecoverRequest = {},
  ): Promise<Recovered> {
    const { phase } = this.#machine;
    if (!this.#machine.actsOn(request.operation)) {
      return { notApplied: fieldsOf(request) };
    }
    switch (phase.state) {
      case "running":
        return {
          notApplied: await this.deferred.applyLate(cause.trigger, request),
        };
      case "quiesced":
        return await this.#leave("recovering", phase.operation, cause, request);
      case "preparing":
        // A health check and the evidence leave a prepare alone.
        if (cause.trigger === "health" || cause.trigger === "evidence") {
          return { notApplied: [] };
        }
        phase.operation.abort(cause);
        return await this.#recoverAfter(phase.done, cause, request);
      default:
        return await this.#recoverAfter(phase.done, cause, request);
    }
  }

  /**
   * Recovers, and refuses every later prepare. Resolves in the state running, when no
   * step or undo runs any more, or at the limits of that work.
   */
  async end(signal: string): Promise<void> {
    this.#ending = true;
    while (this.state !== "running") {
      await this.recover({ trigger: "signal", signal });
    }
    await this.deferred.idle;
    await this.#machine.last?.waitUntilIdle();
  }

  #begin(request: PrepareRequest): Promise<Operation> {
    const { leaseSeconds, newId, dryRun } = this.#options;
    const id = request.operation ?? newId();
    const kind = request.kind ?? this.#options.kind;
    const operation = new Operation(
      ...[id, this.#generation, kind, dryRun, request] as const,
    );
    this.#lease.start(request.lease ?? leaseSeconds);
    // Starts asynchronously, because the state must be entered first. Data that
    // arrives from now on is not waited for: it belongs to this or a later operation.
    const done = this.deferred.idle.then(() => this.#quiesce(operation));
    this.#machine.to({ state: "preparing", operation, done });
    return done;
  }

  /** Runs the steps before the reply. Every path leads to quiesced or to the undo. */
  async #quiesce(operation: Operation): Promise<Operation> {
    try {
      const { onPrepare, onQuiet } = this.#options;
      onPrepare?.(operation);
      await operation.waitFor(this.#machine.last);
      await operation.run(this.#plan.beforeReply);
      operation.quiescedMs = operation.age;
      operation.call.trace?.end();
      onQuiet?.(operation);
      this.#machine.to({ state: "quiesced", operation });
      return operation;
    } catch (error) {
      operation.quiescedMs = undefined;
      const { cause } = operation;
      const { recovery } = await this.#leave("undoing", operation, cause, {});
      throw new PrepareFailed(operation, recovery, error);
    }
  }

  async #settle(operation: Operation): Promise<boolean> {
    try {
      await operation.run(this.#plan.settle);
      operation.settledMs = operation.age;
      operation.call.trace?.end();
      this.#options.onSettled?.();
      return true;
    } catch (error) {
      if (operation.cause === undefined) this.#report(error);
      // Not awaited, because the recovery waits for the end of the settle.
      if (error instanceof Lapsed) this.#expire();
      return false;
    }
  }

  #leave(
    state: "recovering" | "undoing",
    operation: Operation,
    cause: Cause | undefined,
    request: RecoverRequest,
  ): Promise<RecoveredOperation> {
    if (cause !== undefined) operation.abort(cause);
    this.#lease.stop();
    this.#options.onLeave?.(operation, request);
    if (state === "recovering") this.deferred.requirements.announce(request);
    const done = Promise.resolve().then(() =>
      this.#undo(state, operation, cause?.trigger ?? "failure", request)
    );
    this.#machine.to({ state, operation, done });
    return done;
  }

  async #undo(
    state: "recovering" | "undoing",
    operation: Operation,
    trigger: Recovery["trigger"],
    request: RecoverRequest,
  ): Promise<RecoveredOperation> {
    const { onRunning } = this.#options;
    let left: Awaited<ReturnType<typeof leave>>;
    try {
      left = await leave(operation, {
        repairs: state === "recovering" ? this.#plan.repairs : undefined,
        ...{ trigger, request, generation: this.#generation },
        evidence: () => this.#evidence(),
      });
      this.#generation = left.recovery.generation;
    } finally {
      this.#machine.to({ state: "running" });
    }
    const { recovery } = left;
    const notApplied = state === "recovering"
      // The caller gets the fields of its own request only.
      ? this.deferred.begin(recovery, left.request)
        .filter((field) => request[field] !== undefined)
      : this.deferred.undone(recovery);
    try {
      onRunning?.(operation, recovery);
    } catch (error) {
      this.#report(error);
    }
    return { recovery, notApplied };
  }

  /** Waits for the end of a transition, and applies the data after it. */
  async #recoverAfter(
    transition: Promise<unknown>,
    cause: Cause,
    request: RecoverRequest,
  ): Promise<Recovered> {
    const ended = transition.then(
      (value) => (value as Partial<RecoveredOperation>).recovery,
      (error) => error instanceof PrepareFailed ? error.undo : undefined,
    );
    // Queued at once, so that a prepare that waits as well begins after it.
    const applied = this.deferred.applyLate(cause.trigger, request, ended);
    const recovery = await ended;
    // The abort came too late, and the prepare succeeded: it is recovered.
    return recovery === undefined && this.state === "quiesced"
      ? await this.recover(cause, request)
      : { recovery, notApplied: await applied };
  }

  async #evidence(): Promise<Evidence | undefined> {
    try {
      return await this.#options.evidence?.();
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  #expire(): void {
    this.recover({ trigger: "lease" }).catch((error) => this.#report(error));
  }

  #report(error: unknown): void {
    this.#options.onError?.(error);
  }
}
