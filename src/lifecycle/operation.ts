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
import type { PlannedRepair, PlannedStep } from "./make_plan.ts";
import type { Call, Kind, PrepareRequest } from "./request.ts";
import { run, STOP_MS } from "./run.ts";
import type { StepReport } from "./reports.ts";
import { RunningWork } from "./running_work.ts";
import {
  type Done,
  type Effect,
  Found,
  type RecoveryContext,
  type Repair,
  type Skipped,
  type Undo,
} from "./step.ts";
import type { Trace } from "./trace.ts";
import { since } from "../util/errors.ts";
import { within } from "../util/within.ts";

/** The context of a recovery, for all its undos and repairs. */
export type UndoContext =
  & Omit<
    RecoveryContext,
    "signal" | "operation" | "kind" | "dryRun" | "span"
  >
  & { readonly trace?: Trace };

/** A step that was done and can be undone. */
interface UndoEntry {
  /** The position of the step in the plan; later steps are undone first. */
  readonly place: number;
  readonly name: string;
  readonly limitMs: number;
  /** The repair before which this step is undone; after all repairs if undefined. */
  readonly undoBefore?: string;
  readonly undo: Undo;
  readonly lasts?: () => boolean;
}

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

  readonly #start = performance.now();
  readonly #abort = new AbortController();
  readonly #undos: UndoEntry[] = [];
  readonly #running = new RunningWork();
  #cause: Cause | undefined;
  #places = 0;
  /** The next operation, which undoes steps that end after it has begun. */
  #successor: Operation | undefined;
  /** The context of the undo, set when the undo begins. */
  #undoing: UndoContext | undefined;
  #undone: StepReport[] = [];

  constructor(
    readonly id: string,
    readonly generation: number,
    readonly kind: Kind = "full",
    readonly dryRun = false,
    /** The call that began the operation. */
    readonly call:
      & Call
      & Pick<PrepareRequest, "workload" | "freeze" | "awaitsHost"> = {},
  ) {}

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
    return this.#undos.find(({ lasts }) => lasts?.() === false)?.name;
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
    former.#successor = this;
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

  /**
   * Runs the repairs, then undoes the steps, the last step first. A step whose row names a
   * repair is undone before that repair. A failure does not stop the others. If a repair finds
   * data, `complete` makes the context of all that follows. The returned list grows if a step ends
   * later and is undone then.
   */
  async undo(
    repairs: readonly PlannedRepair[],
    first: UndoContext,
    complete: (found: Found) => UndoContext = () => first,
  ): Promise<StepReport[]> {
    let context = first;
    for (const { name, limitMs, repair } of repairs) {
      await this.#undoSteps(context, ({ undoBefore }) => undoBefore === name);
      const result = await this.#runUndo(name, limitMs, context, repair);
      if (result instanceof Found) context = complete(result);
    }
    this.#undoing = context;
    await this.#undoSteps(context);
    return this.#undone;
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
      this.#addUndo({ place, name, limitMs, undoBefore, undo, lasts });
    };
    add(ran.value);
    if (ran.running) this.#running.addStep(name, ran.running.then(add));
    return ran.report;
  }

  async #runUndo(
    name: string,
    limitMs: number,
    { trace, ...context }: UndoContext,
    action: Undo | Repair["repair"],
    title = name,
  ): Promise<Effect | Skipped | Found | undefined> {
    const { id: operation, kind, dryRun } = this;
    const span = trace?.begin(title);
    const ran = await run<Effect | Skipped | Found>(
      { name, limitMs },
      (signal) => {
        const work = action({
          ...{ ...context, operation, kind, signal, dryRun },
          ...span && { span },
        });
        return work instanceof Promise
          ? work.then((effect) => effect ?? {})
          : work ?? {};
      },
    );
    span?.end();
    this.#undone.push(ran.report);
    if (ran.running) this.#running.addUndo(name, STOP_MS, ran.running);
    return ran.value;
  }

  /** Adds an undo. If the operation is undone already, runs the undo at once. */
  #addUndo(entry: UndoEntry): void {
    if (this.#successor !== undefined) return this.#successor.#addUndo(entry);
    this.#undos.push(entry);
    this.#undos.sort((a, b) => a.place - b.place);
    if (this.#undoing === undefined) return;
    const undone = this.#undoSteps(this.#undoing);
    this.#running.addUndo(entry.name, entry.limitMs, undone);
  }

  /** Undoes the steps that are selected, the last step first. */
  async #undoSteps(
    context: UndoContext,
    isSelected: (entry: UndoEntry) => boolean = () => true,
  ): Promise<void> {
    for (;;) {
      const at = this.#undos.findLastIndex(isSelected);
      if (at === -1) return;
      const [{ name, limitMs, undo }] = this.#undos.splice(at, 1);
      await this.#runUndo(name, limitMs, context, undo, `undo ${name}`);
    }
  }

  #throwIfAborted(): void {
    if (this.#cause !== undefined) throw new Aborted(this.#cause);
  }
}
