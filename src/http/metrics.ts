/**
 * Counters and last durations, as OpenMetrics text.
 * @module
 */
import type { Operation } from "../lifecycle/operation.ts";
import type { Recovery } from "../lifecycle/reports.ts";

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
    gauges: { generation: number; quiesced: boolean; resident: number },
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
      "# EOF",
      "",
    ].join("\n");
  }
}

function family(
  name: string,
  type: "counter" | "gauge",
  help: string,
  samples: (string | number)[][],
): string[] {
  return [
    `# TYPE ${name} ${type}`,
    `# HELP ${name} ${help}`,
    ...samples.map(([suffix, value]) => `${name}${suffix} ${value}`),
  ];
}
