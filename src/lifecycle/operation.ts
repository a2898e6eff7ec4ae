/**
 * One round from prepare to recover: what was done in it, and how to undo it.
 * @module
 */
import type { PlannedRepair, PlannedStep } from "./plan.ts";
import { run, STOP_MS } from "./run.ts";
import { RunningWork } from "./running_work.ts";
import type {
  Done,
  Effect,
  RecoveryContext,
  Repair,
  Skipped,
  StepReport,
  Trigger,
  Undo,
} from "./step.ts";
import { since } from "../util/errors.ts";

/** Why an operation was aborted, or left. */
export interface Cause {
  readonly trigger: Trigger;
  /** The name of the signal, if the trigger is one. */
  readonly signal?: string;
}

/** What all undos and repairs of a recovery may know. */
export type UndoContext = Omit<
  RecoveryContext,
  "signal" | "operation" | "dryRun"
>;

/** A step that was done and can be undone. */
interface UndoEntry {
  /** The place of the step in the plan; later steps are undone first. */
  readonly place: number;
  readonly name: string;
  readonly limitMs: number;
  readonly undo: Undo;
}

/** A step that had to hold did not; its report says why. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  constructor({ name, status, reason }: StepReport) {
    super(`step ${name} ${status}: ${reason}`);
  }
}

/** The operation was aborted before it was quiesced, or overtaken after that. */
export class Aborted extends Error {
  override readonly name = "Aborted";
}

/** A call that names another operation than the one it would act on. */
export class OtherOperation extends Error {
  override readonly name = "OtherOperation";
  constructor() {
    super("Cannot act on this operation: another one is under way");
  }
}

/** An operation. It knows nothing of states; the lifecycle does. */
export class Operation {
  /** Reports of the steps so far, in their order. */
  readonly reports: StepReport[] = [];
  /** Milliseconds from the request to the reply, and to the end of the settle. */
  quiescedMs: number | undefined;
  settledMs: number | undefined;
  /** The settle under way, or its end: true if it was not overtaken. */
  settling: Promise<boolean> | undefined;

  readonly #start = performance.now();
  readonly #abort = new AbortController();
  readonly #undos: UndoEntry[] = [];
  readonly #running = new RunningWork();
  #cause: Cause | undefined;
  #places = 0;
  /** The next operation, which undoes what ends after it has begun. */
  #successor: Operation | undefined;
  /** Set once the operation is being undone, and then for ever. */
  #undoing: UndoContext | undefined;
  #undone: StepReport[] = [];

  constructor(
    readonly id: string,
    readonly generation: number,
    readonly dryRun = false,
  ) {}

  /** Milliseconds since the operation began. */
  get age(): number {
    return since(this.#start);
  }

  /** Why it was aborted, or undefined; the first cause counts. */
  get cause(): Cause | undefined {
    return this.#cause;
  }

  /** A call with an id means that operation: throws {@linkcode OtherOperation}. */
  refuseOther(id: string | undefined): void {
    if (id !== undefined && id !== this.id) throw new OtherOperation();
  }

  /** Tells the step at work that the operation has ended. */
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
    await Promise.race([former.waitUntilIdle(), this.#aborted()]);
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
   * Runs steps in order. Throws {@linkcode StepFailed} as soon as a step that has
   * to hold does not, and {@linkcode Aborted}.
   */
  async run(steps: readonly PlannedStep[]): Promise<void> {
    for (const step of steps) {
      // A freeze may have landed before this line, and the recovery with it.
      const report = this.#cause === undefined
        ? await this.#runStep(step)
        : { name: step.name, status: "overtaken" as const, ms: 0 };
      this.reports.push(report);
      const holds = report.status === "done" || report.status === "skipped";
      if (!holds && step.onFailure === "abort") {
        this.#throwIfAborted();
        throw new StepFailed(report);
      }
    }
    this.#throwIfAborted();
  }

  /**
   * Repairs, then undoes what was done, last step first; none stops another. The
   * list it gives grows by the undo of a step that ends later.
   */
  async undo(
    repairs: readonly PlannedRepair[],
    context: UndoContext,
  ): Promise<StepReport[]> {
    for (const { name, limitMs, repair } of repairs) {
      await this.#runUndo(name, limitMs, context, repair);
    }
    this.#undoing = context;
    await this.#undoAll();
    return this.#undone;
  }

  async #runStep(
    { name, limitMs, stopMs, needsIdle, quiesce }: PlannedStep,
  ): Promise<StepReport> {
    const place = this.#places++;
    const { id: operation, generation, dryRun } = this;
    const { names } = this.#running;
    if (needsIdle && names !== undefined) {
      const reason = `it needs the other steps to be idle, and ${names} runs`;
      return { name, status: "skipped", ms: 0, reason };
    }
    const overtaken = this.#abort.signal;
    const ran = await run<Done | Skipped>(
      { name, limitMs, overtaken, stopMs },
      (signal) => quiesce({ operation, generation, signal, dryRun }),
    );
    const add = (value: Done | Skipped | undefined) => {
      if (value === undefined || !("undo" in value)) return;
      const { undo } = value;
      if (undo !== undefined) this.#addUndo({ place, name, limitMs, undo });
    };
    add(ran.value);
    if (ran.running) this.#running.addStep(name, ran.running.then(add));
    return ran.report;
  }

  async #runUndo(
    name: string,
    limitMs: number,
    context: UndoContext,
    action: Undo | Repair["repair"],
  ): Promise<void> {
    const { id: operation, dryRun } = this;
    const ran = await run<Effect | Skipped>({ name, limitMs }, (signal) => {
      const work = action({ ...context, operation, signal, dryRun });
      return work instanceof Promise
        ? work.then((effect) => effect ?? {})
        : work ?? {};
    });
    this.#undone.push(ran.report);
    if (ran.running) this.#running.addUndo(name, STOP_MS, ran.running);
  }

  /** A step that ends after its operation is undone at once. */
  #addUndo(entry: UndoEntry): void {
    if (this.#successor !== undefined) return this.#successor.#addUndo(entry);
    this.#undos.push(entry);
    this.#undos.sort((a, b) => a.place - b.place);
    if (this.#undoing === undefined) return;
    this.#running.addUndo(entry.name, entry.limitMs, this.#undoAll());
  }

  async #undoAll(): Promise<void> {
    for (;;) {
      const entry = this.#undos.pop();
      if (entry === undefined) return;
      const { name, limitMs, undo } = entry;
      await this.#runUndo(name, limitMs, this.#undoing!, undo);
    }
  }

  #aborted(): Promise<void> {
    const { signal } = this.#abort;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #throwIfAborted(): void {
    if (this.#cause === undefined) return;
    throw new Aborted(wordsOf(this.#cause));
  }
}

function wordsOf({ trigger, signal }: Cause): string {
  switch (trigger) {
    case "signal":
      return `it was aborted by ${signal ?? "a signal"}`;
    case "lease":
      return "its lease ended";
    default:
      return `it was aborted by a call to ${trigger}`;
  }
}
