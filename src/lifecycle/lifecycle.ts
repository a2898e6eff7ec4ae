/**
 * The lifecycle: running, preparing, quiesced, recovering, running. Decides in each state what a call
 * to prepare or to recover means. The transitions themselves are in transitions.ts.
 * @module
 */
import { type DeferredRepairs, fieldsOf } from "./deferred_repairs.ts";
import { type Cause, Ending } from "./errors.ts";
import type { Lease } from "./lease.ts";
import type { Machine, State } from "./machine.ts";
import type { Operation } from "./operation.ts";
import type { LifecycleOptions } from "./options.ts";
import {
  PrepareFailed,
  type Recovered,
  type RecoveredOperation,
} from "./recovery.ts";
import type { Recovery } from "./reports.ts";
import type { PrepareRequest, RecoverRequest } from "./request.ts";
import { Transitions } from "./transitions.ts";

/** The lifecycle of the agent; one transition at a time. */
export class Lifecycle {
  /** Repairs with data that the host sends after the recovery. */
  readonly deferred: DeferredRepairs;
  readonly #transitions: Transitions;
  readonly #machine: Machine;
  readonly #lease: Lease;
  #ending = false;

  constructor(options: LifecycleOptions) {
    this.#transitions = new Transitions(options, () => this.#expire());
    this.deferred = this.#transitions.deferred;
    this.#machine = this.#transitions.machine;
    this.#lease = this.#transitions.lease;
  }

  /** The state now. */
  get state(): State {
    return this.#machine.phase.state;
  }
  /** Grows by one at every recovery. */
  get generation(): number {
    return this.#transitions.generation;
  }
  /** The lease of the operation under way: its length, and what is left of it, in seconds. */
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
  /** The last recovery, or the last undo of a failed prepare. */
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
          return await this.#transitions.begin(request);
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
          if ((await this.#transitions.evidence())?.restored) {
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
    return operation.settling ??= this.#transitions.settle(operation);
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
        return await this.#transitions.recover(phase.operation, cause, request);
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
    await this.deferred.running.idle();
    await this.#machine.last?.waitUntilIdle();
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
    if (recovery !== undefined) return { recovery, notApplied: await applied };
    // The abort came too late, and the prepare succeeded: it is recovered. Of several such calls,
    // one recovers, and the others wait for that recovery.
    return this.state === "preparing"
      ? { notApplied: fieldsOf(request) }
      : await this.recover(cause, request);
  }

  #expire(): void {
    this.recover({ trigger: "lease" }).catch((error) =>
      this.#transitions.report(error)
    );
  }
}
