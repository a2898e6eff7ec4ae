/**
 * One prepare..recover round: what was done in it, and how to take it back.
 * @module
 */
import { Known, type Leaving, recoverOne } from "./recover_one.ts";
import {
  type Done,
  type Repair,
  run,
  since,
  type Skipped,
  type Step,
  type StepReport,
  type Undo,
} from "./step.ts";

interface Taken {
  readonly name: string;
  readonly limitMs: number;
  readonly undo: Undo;
}

/** An operation; it knows nothing of states, the spine does. */
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
  #aborted = false;
  readonly #undos: Taken[] = [];
  /** Set once the operation is being left, and then for ever. */
  #leaving: Leaving | undefined;
  /** What a step or an undo still does, also after nobody waits for it. */
  readonly #work = new Set<Promise<unknown>>();
  #successor: Operation | undefined;

  constructor(readonly id: string, readonly generation: number) {}

  /** Milliseconds since the operation began. */
  get age(): number {
    return since(this.#start);
  }

  /** Tells whatever step is at work that nobody waits for it any more. */
  abort(): void {
    this.#aborted = true;
    // Mostly nothing is: after a settle, the reply would wait for this in vain.
    if (this.#work.size > 0) this.#abort.abort();
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /**
   * Lets the next operation begin, once this one rests. What ends even later is
   * undone by the next one: to undo it at once would take back what that one
   * has done.
   */
  async handOver(successor: Operation, limitMs: number): Promise<void> {
    await this.rest(limitMs);
    this.#successor = successor;
  }

  /** Waits until no step does anything any more, so many milliseconds at most. */
  async rest(limitMs: number): Promise<void> {
    const end = performance.now() + limitMs;
    while (this.#work.size > 0 && performance.now() < end) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([
        Promise.allSettled(this.#work),
        new Promise((resolve) => timer = setTimeout(resolve, limitMs)),
      ]);
      clearTimeout(timer);
      // What ended late is undone in the same turn: that is work, too.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Runs steps in order; false as soon as one that must hold does not. */
  async quiesce(steps: readonly Step[]): Promise<boolean> {
    for (const step of steps) {
      // A freeze may have landed before this line, and the recovery with it.
      if (this.aborted) {
        this.reports.push({ name: step.name, status: "overtaken", ms: 0 });
        continue;
      }
      const report = await this.#run(step);
      this.reports.push(report);
      const held = report.status === "done" || report.status === "skipped";
      if (!held && step.onFailure === "abort") return false;
    }
    return !this.aborted;
  }

  /** Repairs, then undoes what happened, last first; none stops another. */
  async leave(
    repairs: readonly Repair[],
    context: Leaving,
  ): Promise<StepReport[]> {
    this.#leaving = context;
    const reports: StepReport[] = [];
    for (const { name, limitMs, repair } of repairs) {
      const known = new Known(this.id, context);
      reports.push(
        await recoverOne(name, limitMs, known, () => repair(known)),
      );
    }
    for (;;) {
      const taken = this.#undos.pop();
      if (taken === undefined) return reports;
      reports.push(await this.#undo(taken, context));
    }
  }

  async #run(step: Step): Promise<StepReport> {
    const { name, limitMs } = step;
    const { generation } = this;
    const { signal } = this.#abort;
    const take = (value: Done | Skipped): Taken | undefined =>
      "undo" in value && value.undo !== undefined
        ? { name, limitMs, undo: value.undo }
        : undefined;
    const ran = await run<Done | Skipped>({
      name,
      limitMs,
      signal,
      late: (value) => this.#adopt(take(value)),
    }, () =>
      this.#track(
        step.quiesce({ operation: this.id, generation, signal }),
      ));
    const taken = ran.value === undefined ? undefined : take(ran.value);
    if (taken !== undefined) this.#undos.push(taken);
    return ran.report;
  }

  /** A step that ended past its limit: undone with the others, or at once. */
  #adopt(taken: Taken | undefined): void {
    if (taken === undefined) return;
    if (this.#leaving === undefined) this.#undos.push(taken);
    else if (this.#successor !== undefined) this.#successor.#adopt(taken);
    else void this.#undo(taken, this.#leaving);
  }

  #track<T>(work: Promise<T> | T): Promise<T> | T {
    return work instanceof Promise ? this.#attend(work) : work;
  }

  async #attend<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work);
    try {
      return await work;
    } finally {
      this.#work.delete(work);
    }
  }

  #undo(
    { name, limitMs, undo }: Taken,
    context: Leaving,
  ): Promise<StepReport> {
    const known = new Known(this.id, context);
    return recoverOne(name, limitMs, known, () => {
      const work = this.#track(undo(known));
      return work instanceof Promise
        ? work.then((effect) => effect ?? {})
        : work ?? {};
    });
  }
}
