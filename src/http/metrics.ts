/**
 * Counters, last durations and histograms of durations, as OpenMetrics text.
 * @module
 */
import type { Operation } from "../lifecycle/operation.ts";
import type { Recovery, StepReport } from "../lifecycle/reports.ts";
import type { ProblemKind } from "../util/problem.ts";
import { VERSION } from "../version.ts";
import { Histogram, labelText } from "./histogram.ts";

/** The content type of OpenMetrics 1.0. */
export const OPEN_METRICS =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

  readonly #problems = new Map<ProblemKind, number>();
  readonly #prepareSeconds = new Histogram(
    "lull_prepare_duration_seconds",
    "How long prepares took: until quiesced, and until settled.",
  );
  readonly #recoverySeconds = new Histogram(
    "lull_recovery_duration_seconds",
    "How long recoveries took, by outcome.",
  );
  readonly #stepSeconds = new Histogram(
    "lull_step_duration_seconds",
    "How long steps, their undos and repairs took, by status.",
  );

  /** Counts a reply that is a problem. */
  refused(kind: ProblemKind): void {
    this.#problems.set(kind, (this.#problems.get(kind) ?? 0) + 1);
  }

  /** Adds the durations of an operation that has ended. Called when no caller waits. */
  observe(operation: Operation, recovery: Recovery): void {
    const { quiescedMs, settledMs, reports } = operation;
    for (
      const [until, ms] of [["quiesced", quiescedMs], [
        "settled",
        settledMs,
      ]] as const
    ) {
      if (ms !== undefined) this.#prepareSeconds.observe({ until }, ms);
    }
    if (quiescedMs !== undefined) {
      const { outcome, ms } = recovery;
      this.#recoverySeconds.observe({ outcome }, ms);
    }
    this.#observeSteps("prepare", reports);
    this.#observeSteps("recovery", recovery.steps);
  }

  #observeSteps(phase: string, steps: readonly StepReport[]): void {
    for (const { name: step, status, ms } of steps) {
      // A step that was skipped took no time that matters.
      if (status === "skipped") continue;
      this.#stepSeconds.observe({ phase, step, status }, ms);
    }
  }

  /** Counts a request. */
  requested(): void {
    this.#requests++;
  }

  /** Counts an operation that has ended. */
  ended(operation: Operation, recovery: Recovery): void {
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

  /** The text of the metrics, with these gauges. */
  text(
    gauges: {
      generation: number;
      quiesced: boolean;
      resident: number;
      runtime: { readonly name: string; readonly version: string };
    },
  ): string {
    const { held, failed } = this.#prepares;
    return [
      ...family("lull_requests", "counter", "Requests received.", [
        ["_total", this.#requests],
      ]),
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
      ...family("lull_generation", "gauge", "Grows by one at every recovery.", [
        ["", gauges.generation],
      ]),
      ...family("lull_quiesced", "gauge", "1 while the guest is quiesced.", [
        ["", Number(gauges.quiesced)],
      ]),
      ...family("lull_resident_bytes", "gauge", "Memory of the agent.", [
        ["", gauges.resident],
      ]),
      ...family("lull_build", "info", "The agent and its runtime.", [
        [
          `_info{${
            labelText({
              version: VERSION,
              runtime: gauges.runtime.name,
              runtime_version: gauges.runtime.version,
            })
          }}`,
          1,
        ],
      ]),
      ...family(
        "lull_problems",
        "counter",
        "Replies that are problems, by type.",
        [...this.#problems].map(([type, count]) => [
          `_total{type="${type}"}`,
          count,
        ]),
      ),
      ...this.#prepareSeconds.lines(),
      ...this.#recoverySeconds.lines(),
      ...this.#stepSeconds.lines(),
      "# EOF",
      "",
    ].join("\n");
  }
}

function family(
  name: string,
  type: "counter" | "gauge" | "info",
  help: string,
  samples: (string | number)[][],
): string[] {
  return [
    `# TYPE ${name} ${type}`,
    `# HELP ${name} ${help}`,
    ...samples.map(([suffix, value]) => `${name}${suffix} ${value}`),
  ];
}
