/**
 * Counters, last durations and histograms, as OpenMetrics text. No label has a set of values that
 * grows: the values are names in the code.
 * @module
 */
import type { Operation } from "../lifecycle/operation.ts";
import type { Recovery, StepReport } from "../lifecycle/reports.ts";
import { type ProblemKind, PROBLEMS } from "../util/problem.ts";
import { VERSION } from "../version.ts";
import { type Forwarding, forwardingFamilies } from "./forwarding_metrics.ts";
import { Histograms } from "./histograms.ts";
import { family } from "./metric_family.ts";

/** The content type of OpenMetrics 1.0. */
export const OPEN_METRICS =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** The values that are read at the time of the call. */
export interface Gauges {
  readonly generation: number;
  readonly quiesced: boolean;
  readonly resident: number;
  /** The name of the runtime. */
  readonly runtime: string;
  /** Undefined if the agent forwards no ports. */
  readonly forwarding?: Forwarding;
}

/** An operation that has ended and is not in the histograms yet. */
interface Ended {
  readonly operation: Operation;
  readonly recovery: Recovery;
  /** Milliseconds from the request of the prepare to the end of the operation. */
  readonly age: number;
}

/** The counters. They are plain numbers, so that counting creates no garbage. */
export class Metrics {
  #requests = 0;
  #prepares = { held: 0, failed: 0 };
  #recoveries: Record<Recovery["outcome"], number> = {
    restored: 0,
    resumed: 0,
    expired: 0,
    aborted: 0,
  };
  #last: Record<"prepare" | "settle" | "recovery", number | undefined> = {
    prepare: undefined,
    settle: undefined,
    recovery: undefined,
  };
  readonly #errors = new Map<ProblemKind, number>();
  readonly #steps = new Histograms();
  readonly #prepareDurations = new Histograms();
  readonly #recoveryDurations = new Histograms();
  #ended: Ended | undefined;

  /** Counts a request. */
  requested(): void {
    this.#requests++;
  }

  /** Counts a reply that is a problem. */
  refused(kind: ProblemKind): void {
    this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + 1);
  }

  /**
   * Counts an operation that has ended. Its durations are only noted: a restored guest pays for each
   * page that it changes, and {@linkcode count} puts them into the histograms later.
   */
  ended(operation: Operation, recovery: Recovery): void {
    this.count();
    this.#ended = { operation, recovery, age: operation.age };
    if (operation.quiescedMs === undefined) {
      this.#prepares.failed++;
      return;
    }
    this.#prepares.held++;
    this.#recoveries[recovery.outcome]++;
    this.#last.prepare = operation.quiescedMs;
    this.#last.settle = operation.settledMs;
    this.#last.recovery = recovery.ms;
  }

  /**
   * Puts the last operation that has ended into the histograms. Call this before the next operation
   * begins, and before the metrics are read.
   */
  count(): void {
    if (this.#ended === undefined) return;
    const { operation, recovery, age } = this.#ended;
    this.#ended = undefined;
    const { kind, quiescedMs } = operation;
    const outcome = quiescedMs === undefined ? "failed" : "held";
    this.#prepareDurations.add(
      `kind="${kind}",outcome="${outcome}"`,
      quiescedMs ?? age,
    );
    if (quiescedMs !== undefined) {
      this.#recoveryDurations.add(
        `outcome="${recovery.outcome}"`,
        recovery.ms,
      );
    }
    this.#addSteps("prepare", operation.reports);
    this.#addSteps("recovery", recovery.steps);
  }

  /** The text of the metrics, with these gauges. */
  text(gauges: Gauges): string {
    this.count();
    const { held, failed } = this.#prepares;
    return [
      ...family("lull_build", "info", "Version of Lull, and its runtime.", [
        [`_info{version="${VERSION}",runtime="${gauges.runtime}"}`, 1],
      ]),
      ...family("lull_requests", "counter", "Requests received.", [
        ["_total", this.#requests],
      ]),
      ...family(
        "lull_errors",
        "counter",
        "Replies that are a problem, by the last word of the problem's type.",
        Object.keys(PROBLEMS).map((kind) => [
          `_total{type="${kind}"}`,
          this.#errors.get(kind as ProblemKind) ?? 0,
        ]),
      ),
      ...family(
        "lull_prepares",
        "counter",
        "Prepares whose operation has ended, by result.",
        [
          ['_total{result="held"}', held],
          ['_total{result="failed"}', failed],
        ],
      ),
      ...family(
        "lull_recoveries",
        "counter",
        "Recoveries, by outcome.",
        Object.entries(this.#recoveries).map((
          [outcome, count],
        ) => [`_total{outcome="${outcome}"}`, count]),
      ),
      ...family(
        "lull_last_duration_seconds",
        "gauge",
        "How long the last one took: prepare to quiesced, prepare to settled, recovery.",
        Object.entries(this.#last).flatMap(([phase, ms]) =>
          ms === undefined ? [] : [[`{phase="${phase}"}`, ms / 1000]]
        ),
      ),
      ...family(
        "lull_prepare_duration_seconds",
        "histogram",
        "Prepares whose operation has ended: to quiesced, or to the end of the undo if it failed.",
        this.#prepareDurations.samples(),
      ),
      ...family(
        "lull_recovery_duration_seconds",
        "histogram",
        "Recoveries, by outcome.",
        this.#recoveryDurations.samples(),
      ),
      ...family(
        "lull_step_duration_seconds",
        "histogram",
        "Steps of prepares, and undos and repairs of recoveries, by status.",
        this.#steps.samples(),
      ),
      ...family("lull_generation", "gauge", "Grows by one at every recovery.", [
        ["", gauges.generation],
      ]),
      ...family("lull_quiesced", "gauge", "1 while the guest is quiesced.", [
        ["", Number(gauges.quiesced)],
      ]),
      ...family("lull_resident_bytes", "gauge", "Memory of the agent.", [
        ["", gauges.resident],
      ]),
      ...gauges.forwarding === undefined
        ? []
        : forwardingFamilies(gauges.forwarding),
      "# EOF",
      "",
    ].join("\n");
  }

  #addSteps(
    phase: "prepare" | "recovery",
    reports: readonly StepReport[],
  ): void {
    for (const { name, status, ms } of reports) {
      this.#steps.add(
        `step="${name}",status="${status}",phase="${phase}"`,
        ms,
      );
    }
  }
}
