/**
 * The spine: running, preparing, quiesced, recovering, running.
 * @module
 */
import { Lease } from "./lease.ts";
import { Machine, type State } from "./machine.ts";
import { Operation } from "./operation.ts";
import type { LifecycleOptions, PrepareRequest } from "./options.ts";
import { outcomeOf, PrepareFailed, type Recovery } from "./recovery.ts";
import { type RecoverRequest, since, type Trigger } from "./step.ts";

/** The wait for the last operation where none is given. */
const HAND_OVER_MS = 1000;

/** The lifecycle of the agent; one transition at a time. */
export class Lifecycle {
  /**
   * One that was gone through stays, with its operation and its lease: V8 forgets
   * what objects look like of which a collection has left none, and the first fork
   * of a guest that has never recovered would learn it anew.
   */
  static example: Lifecycle | undefined;
  readonly #options: Omit<LifecycleOptions, "handOverMs" | "later"> & {
    readonly handOverMs: number;
  };
  readonly #machine = new Machine();
  readonly #lease: Lease;
  #operation: Operation | undefined;
  #preparing: Promise<Operation> | undefined;
  #leaving: Promise<Recovery> | undefined;
  #last: Recovery | undefined;
  #generation: number;

  /**
   * The options are copied, one by one, so that those of a rehearsal and of the
   * real one look alike: an engine's notes on one are good for the other then.
   */
  constructor(options: LifecycleOptions) {
    const { plan, leaseSeconds, newId, handOverMs = HAND_OVER_MS } = options;
    const { evidence, onPrepare, onQuiet, onSettled, onRunning } = options;
    // deno-fmt-ignore
    this.#options = {
      plan, leaseSeconds, newId, handOverMs,
      evidence, onPrepare, onQuiet, onSettled, onRunning,
    };
    this.#lease = new Lease(() => void this.recover("lease"), options.later);
    this.#generation = options.generation ?? 0;
  }

  get state(): State {
    return this.#machine.state;
  }
  /** Grows by one at every recovery. */
  get generation(): number {
    return this.#generation;
  }
  get lease(): { readonly seconds: number; readonly left: number } {
    return this.#lease;
  }
  /** The operation under way, or the last one. */
  get operation(): Operation | undefined {
    return this.#operation;
  }
  get lastRecovery(): Recovery | undefined {
    return this.#last;
  }

  /** Quiesces, up to the reply; throws {@linkcode PrepareFailed} once undone. */
  async prepare(request: PrepareRequest = {}): Promise<Operation> {
    for (;;) {
      switch (this.state) {
        case "running":
          return await (this.#preparing = this.#prepare(request));
        case "preparing":
          return await this.#preparing!;
        case "quiesced":
          this.#lease.start(request.lease ?? this.#lease.seconds);
          return this.#operation!;
        default:
          await this.#leaving;
      }
    }
  }

  /** The part after the reply; once per operation. False if it was overtaken. */
  settle(operation: Operation): Promise<boolean> {
    return operation.settling ??= this.#settle(operation);
  }

  /**
   * Back to running, exactly once per operation: whoever comes second waits
   * for the first and sees its report. Undefined if nothing was to recover.
   */
  async recover(
    trigger: Trigger,
    request: RecoverRequest = {},
  ): Promise<Recovery | undefined> {
    for (;;) {
      switch (this.state) {
        case "quiesced":
          return await this.#recover(trigger, request);
        case "recovering":
          return await this.#leaving;
        case "undoing":
          await this.#leaving;
          return undefined;
        case "preparing":
          // Only who says so explicitly gives up a prepare that is under way.
          if (trigger !== "recover" && trigger !== "signal") return undefined;
          this.#operation!.abort();
          if (await this.#preparing!.then(() => false, () => true)) {
            return this.#last;
          }
          break;
        default:
          return undefined;
      }
    }
  }

  /**
   * Waits, so many milliseconds at most, until nothing is under way any more:
   * what a prepare that was given up still did is undone a moment after it.
   */
  async rest(limitMs: number): Promise<void> {
    await this.#operation?.rest(limitMs);
  }

  async #prepare(request: PrepareRequest): Promise<Operation> {
    this.#machine.to("preparing");
    this.#options.onPrepare?.();
    const operation = new Operation(
      request.operation ?? this.#options.newId(),
      this.#generation,
    );
    const former = this.#operation;
    this.#operation = operation;
    await former?.handOver(operation, this.#options.handOverMs);
    if (!await operation.quiesce(this.#options.plan.beforeReply)) {
      this.#machine.to("undoing");
      const trigger = operation.aborted ? "recover" : "failure";
      throw new PrepareFailed(
        operation,
        await this.#leave(trigger, { outcome: "aborted" }),
      );
    }
    operation.quiescedMs = operation.age;
    this.#options.onQuiet?.(operation);
    this.#machine.to("quiesced");
    this.#lease.start(request.lease ?? this.#options.leaseSeconds);
    return operation;
  }

  async #settle(operation: Operation): Promise<boolean> {
    const whole = await operation.quiesce(this.#options.plan.settle);
    if (!whole) return false;
    operation.settledMs = operation.age;
    this.#options.onSettled?.();
    return true;
  }

  #recover(trigger: Trigger, request: RecoverRequest): Promise<Recovery> {
    this.#machine.to("recovering");
    this.#lease.stop();
    this.#operation!.abort();
    return this.#leave(trigger, request);
  }

  #leave(
    trigger: Recovery["trigger"],
    request: RecoverRequest,
  ): Promise<Recovery> {
    return this.#leaving = this.#undo(trigger, request);
  }

  async #undo(
    trigger: Recovery["trigger"],
    request: RecoverRequest,
  ): Promise<Recovery> {
    const start = performance.now();
    const operation = this.#operation!;
    await operation.settling;
    const recovering = this.state === "recovering";
    const evidence = recovering ? await this.#options.evidence?.() : undefined;
    const outcome = request.outcome ?? outcomeOf(trigger, evidence);
    const generation = this.#generation + Number(recovering);
    const steps = await operation.leave(
      recovering ? this.#options.plan.repairs : [],
      { trigger, outcome, generation, request },
    );
    this.#generation = generation;
    const recovery: Recovery = {
      operation: operation.id,
      trigger,
      outcome,
      generation,
      ms: since(start),
      evidence,
      steps,
    };
    this.#last = recovery;
    this.#machine.to("running");
    this.#options.onRunning?.(operation, recovery, request);
    return recovery;
  }
}
