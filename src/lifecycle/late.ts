/**
 * Repairs that a recovery could not do for want of the host's word, and that
 * are done when the word comes: a guest that recovered on its own, or by a bare
 * health check, still gets the right time and new random numbers.
 * @module
 */
import type { Recovery } from "./recovery.ts";
import {
  type RecoverRequest,
  type Repair,
  run,
  type StepReport,
} from "./step.ts";

/** The repairs that can be done late. */
export interface LateOptions {
  readonly entropy: Repair;
  readonly clock: Repair;
  /** Whether these reports say that the random pool is new. */
  readonly wasReseeded: (steps: readonly StepReport[]) => boolean;
}

/** Knows what the last recovery still owes. */
export class LateRepairs {
  readonly #options: LateOptions;
  #recovery: Recovery | undefined;
  #reports: StepReport[] = [];
  #clock = false;
  #entropy = false;
  #required = false;

  /** Takes from the options what it needs: see the constructor of Lifecycle. */
  constructor({ entropy, clock, wasReseeded }: LateOptions) {
    this.#options = { entropy, clock, wasReseeded };
  }

  /** What was done late for the last recovery. */
  get reports(): readonly StepReport[] {
    return this.#reports;
  }

  /** True while the host wants a new random pool and the guest has none. */
  get lacksEntropy(): boolean {
    return this.#required && this.#entropy;
  }

  /** Takes note of a recovery and of what it could not do. */
  note(recovery: Recovery, request: RecoverRequest): void {
    const clock = recovery.steps.find(({ name }) => name === "clock");
    this.#recovery = recovery;
    this.#reports = [];
    this.#clock = clock?.status !== "done";
    this.#entropy = !this.#options.wasReseeded(recovery.steps);
    this.#required = request.requireEntropy ?? false;
  }

  /** Does what the request makes possible; nothing where nothing is owed. */
  async offer(request: RecoverRequest): Promise<void> {
    if (this.#recovery === undefined) return;
    if (request.requireEntropy !== undefined) {
      this.#required = request.requireEntropy;
    }
    if (this.#entropy && request.entropy !== undefined) {
      this.#entropy = false; // so that a second call does not do it as well
      const report = await this.#repair(this.#options.entropy, request);
      this.#entropy = !this.#options.wasReseeded([report]);
    }
    if (this.#clock && request.hostTime !== undefined) {
      this.#clock = false;
      const report = await this.#repair(this.#options.clock, request);
      this.#clock = report.status !== "done";
    }
  }

  async #repair(
    { name, limitMs, repair }: Repair,
    request: RecoverRequest,
  ): Promise<StepReport> {
    const { operation, generation, outcome } = this.#recovery!;
    const { signal } = new AbortController();
    const { report } = await run(
      { name, limitMs },
      () =>
        repair({
          operation,
          generation,
          outcome,
          request,
          trigger: "recover",
          signal,
        }),
    );
    this.#reports.push(report);
    return report;
  }
}
