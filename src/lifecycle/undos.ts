/**
 * The undos of one operation, and how a recovery runs them and the repairs.
 * @module
 */
import type { PlannedRepair } from "./make_plan.ts";
import type { StepReport } from "./reports.ts";
import { run, STOP_MS } from "./run.ts";
import type { RunningWork } from "./running_work.ts";
import {
  type Effect,
  Found,
  type RecoveryContext,
  type Repair,
  type Skipped,
  type Undo,
} from "./step.ts";
import type { Trace } from "./trace.ts";

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
  /** Whether the effect still lasts; not given if it lasts until the undo. */
  readonly lasts?: () => boolean;
}

/** The undos of the steps that were done and are not undone yet. */
export class Undos {
  readonly #facts: Pick<RecoveryContext, "operation" | "kind" | "dryRun">;
  readonly #running: RunningWork;
  readonly #entries: UndoEntry[] = [];
  /** The undos of the next operation, which undoes steps that end after it has begun. */
  #successor: Undos | undefined;
  /** The context of the undo, set when the undo begins. */
  #undoing: UndoContext | undefined;
  /** The reports of the repairs and undos so far. */
  readonly #reports: StepReport[] = [];

  /** `facts` are those of the operation; `running` gets the undos that do not stop. */
  constructor(
    facts: Pick<RecoveryContext, "operation" | "kind" | "dryRun">,
    running: RunningWork,
  ) {
    this.#facts = facts;
    this.#running = running;
  }

  /** The first step whose effect ended before its undo; undefined if all effects last. */
  get lapsed(): string | undefined {
    return this.#entries.find(({ lasts }) => lasts?.() === false)?.name;
  }

  /** Adds an undo. If the operation is undone already, runs the undo at once. */
  add(entry: UndoEntry): void {
    if (this.#successor !== undefined) return this.#successor.add(entry);
    this.#entries.push(entry);
    this.#entries.sort((a, b) => a.place - b.place);
    if (this.#undoing === undefined) return;
    const undone = this.#undo(this.#undoing);
    this.#running.addUndo(entry.name, entry.limitMs, undone);
  }

  /** Passes the undos of steps that end from now on to the next operation. */
  passTo(successor: Undos): void {
    this.#successor = successor;
  }

  /**
   * Runs the repairs, then undoes the steps, the last step first. A step whose row names a
   * repair is undone before that repair. A failure does not stop the others. If a repair finds
   * data, `complete` makes the context of all that follows. The returned list grows if a step ends
   * later and is undone then.
   */
  async run(
    repairs: readonly PlannedRepair[],
    first: UndoContext,
    complete: (found: Found) => UndoContext = () => first,
  ): Promise<StepReport[]> {
    let context = first;
    for (const { name, limitMs, repair } of repairs) {
      await this.#undo(context, ({ undoBefore }) => undoBefore === name);
      const result = await this.#run(name, limitMs, context, repair);
      if (result instanceof Found) context = complete(result);
    }
    this.#undoing = context;
    await this.#undo(context);
    return this.#reports;
  }

  async #run(
    name: string,
    limitMs: number,
    { trace, ...context }: UndoContext,
    action: Undo | Repair["repair"],
    title = name,
  ): Promise<Effect | Skipped | Found | undefined> {
    const span = trace?.begin(title);
    const ran = await run<Effect | Skipped | Found>(
      { name, limitMs },
      (signal) => {
        const work = action({
          ...{ ...context, ...this.#facts, signal },
          ...span && { span },
        });
        return work instanceof Promise
          ? work.then((effect) => effect ?? {})
          : work ?? {};
      },
    );
    span?.end();
    this.#reports.push(ran.report);
    if (ran.running) this.#running.addUndo(name, STOP_MS, ran.running);
    return ran.value;
  }

  /** Undoes the steps that are selected, the last step first. */
  async #undo(
    context: UndoContext,
    isSelected: (entry: UndoEntry) => boolean = () => true,
  ): Promise<void> {
    for (;;) {
      const at = this.#entries.findLastIndex(isSelected);
      if (at === -1) return;
      const [{ name, limitMs, undo }] = this.#entries.splice(at, 1);
      await this.#run(name, limitMs, context, undo, `undo ${name}`);
    }
  }
}
