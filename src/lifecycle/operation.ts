/**
 * One operation, from prepare to recover: the steps that ran, and their undos.
 * @module
 */
import {
  Aborted,
  type Cause,
  Lapsed,
  OtherKind,
  OtherOperation,
  StepFailed,
} from "./errors.ts";
import type { PlannedStep } from "./make_plan.ts";
import type { Call, Kind, PrepareRequest } from "./request.ts";
import { run } from "./run.ts";
import type { StepReport } from "./reports.ts";
import { RunningWork } from "./running_work.ts";
import type { Done, Skipped } from "./step.ts";
import { Undos } from "./undos.ts";
import { since } from "../util/errors.ts";
import { within } from "../util/within.ts";

/** An operation. It has no state of the lifecycle. */
export class Operation {
  /** Reports of the steps so far, in the order of the steps. */
  readonly reports: StepReport[] = [];
  /** Milliseconds from the request to the reply. */
  quiescedMs: number | undefined;
  /** Milliseconds from the request to the end of the settle. */
  settledMs: number | undefined;
  /** The settle, once it has begun. Resolves to true if it was not overtaken. */
  settling: Promise<boolean> | undefined;
  /** The undos of the steps that were done. A recovery runs them. */
  readonly undos: Undos;

  readonly #start = performance.now();
  readonly #abort = new AbortController();
  readonly #running = new RunningWork();
  #cause: Cause | undefined;
  /** The number of steps so far. */
  #places = 0;

  constructor(
    readonly id: string,
    readonly generation: number,
    readonly kind: Kind = "full",
    readonly dryRun = false,
    /** The call that began the operation. */
    readonly call:
      & Call
      & Pick<PrepareRequest, "workload" | "freeze" | "awaitsHost"> = {},
  ) {
    this.undos = new Undos({ operation: id, kind, dryRun }, this.#running);
  }

  /** Milliseconds since the operation began. */
  get age(): number {
    return since(this.#start);
  }

  /** Why the operation was aborted; undefined if it was not. The first cause counts. */
  get cause(): Cause | undefined {
    return this.#cause;
  }

  /** The first step whose effect ended before its undo; undefined if all effects last. */
  get lapsed(): string | undefined {
    return this.undos.lapsed;
  }

  /**
   * Throws {@linkcode OtherOperation} or {@linkcode OtherKind} if a prepare asks for something else
   * than this operation. A prepare that names no kind joins an operation of any kind.
   */
  refuseOther({ operation: id, kind }: PrepareRequest): void {
    if (id !== undefined && id !== this.id) throw new OtherOperation();
    if (kind !== undefined && kind !== this.kind) throw new OtherKind();
  }

  /** Aborts the operation and the signal of the step that runs. */
  abort(cause: Cause): void {
    this.#cause ??= cause;
    this.#abort.abort();
  }

  /**
   * Waits until no work of the former operation runs any more, up to that work's
   * own limits. Throws if an undo still runs then, or if this operation is aborted.
   * A step that still runs is undone together with this operation's steps.
   */
  async waitFor(former: Operation | undefined): Promise<void> {
    if (former === undefined || former.#running.names === undefined) return;
    await within(former.waitUntilIdle(), { signal: this.#abort.signal });
    this.#throwIfAborted();
    const { undos } = former.#running;
    if (undos !== undefined) {
      throw new Error(`the undo of ${undos} in the last operation still runs`);
    }
    this.#running.inherit(former.#running);
    former.undos.passTo(this.undos);
  }

  /**
   * Waits until no repair with late data runs any more, up to the repair's limit. Throws if one
   * still runs then, or if this operation is aborted.
   */
  async waitForRepairs(work: RunningWork): Promise<void> {
    if (work.undos === undefined) return;
    await within(work.idle(), { signal: this.#abort.signal });
    this.#throwIfAborted();
    const { undos } = work;
    if (undos === undefined) return;
    throw new Error(`the late repair ${undos} still runs`);
  }

  /** Resolves when no work runs any more, or at the limits of that work. */
  waitUntilIdle(): Promise<void> {
    return this.#running.idle();
  }

  /**
   * Runs steps in order. Throws {@linkcode StepFailed} as soon as a required step
   * fails, {@linkcode Aborted} if the operation is aborted, and {@linkcode Lapsed} if an effect
   * has ended.
   */
  async run(steps: readonly PlannedStep[]): Promise<void> {
    for (const step of steps) {
      // The machine may be frozen and restored before this line, and the operation
      // recovered.
      const report = this.#cause === undefined
        ? await this.#runStep(step)
        : { name: step.name, status: "overtaken" as const, ms: 0 };
      this.reports.push(report);
      const ok = report.status === "done" || report.status === "skipped";
      if (!ok && step.onFailure === "abort") {
        this.#throwIfAborted();
        throw new StepFailed(report);
      }
    }
    this.#throwIfAborted();
    const { lapsed } = this;
    if (lapsed !== undefined) throw new Lapsed(lapsed);
  }

  async #runStep(
    { name, limitMs, stopMs, needsIdle, quiesce, ...row }: PlannedStep,
  ): Promise<StepReport> {
    const place = this.#places++;
    const { id: operation, generation, kind, dryRun } = this;
    const { workload, freeze } = this.call;
    if (!row.kinds.includes(kind)) {
      const reason = `left out by kind ${kind}`;
      return { name, status: "skipped", ms: 0, reason };
    }
    const { names } = this.#running;
    if (needsIdle && names !== undefined) {
      const reason = `it needs the other steps to be idle, and ${names} runs`;
      return { name, status: "skipped", ms: 0, reason };
    }
    const overtaken = this.#abort.signal;
    const span = this.call.trace?.begin(name);
    const ran = await run<Done | Skipped>(
      { name, limitMs, overtaken, stopMs },
      (signal) =>
        quiesce({
          ...{ operation, generation, kind, signal, dryRun },
          ...freeze && { freeze },
          ...span && { span },
          ...workload && { workload },
        }),
    );
    span?.end();
    const add = (value: Done | Skipped | undefined) => {
      if (value === undefined || !("undo" in value)) return;
      const { undo, lasts } = value;
      if (undo === undefined) return;
      const { undoBefore } = row;
      this.undos.add({ place, name, limitMs, undoBefore, undo, lasts });
    };
    add(ran.value);
    if (ran.running) this.#running.addStep(name, ran.running.then(add));
    return ran.report;
  }

  #throwIfAborted(): void {
    if (this.#cause !== undefined) throw new Aborted(this.#cause);
  }
}
