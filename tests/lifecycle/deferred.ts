/**
 * Recoveries and repairs for the tests of data that comes late.
 */
import { DeferredRepairs } from "../../src/lifecycle/deferred_repairs.ts";
import type { Recovery } from "../../src/lifecycle/reports.ts";
import type { RecoverRequest } from "../../src/lifecycle/request.ts";
import type { Effect, Skipped } from "../../src/lifecycle/step.ts";

/** Bytes for the random pool. */
export const ENTROPY = new Uint8Array(16);

/** A recovery with the results of these repairs. */
export function recovery(
  { clock = "done", reseeded = true, outcome = "resumed" }: {
    clock?: "done" | "skipped" | "failed";
    reseeded?: boolean;
    outcome?: Recovery["outcome"];
  } = {},
): Recovery {
  return {
    operation: "op",
    kind: "full",
    trigger: "evidence",
    outcome,
    generation: 1,
    ms: 1,
    steps: [
      { name: "entropy", status: "done", ms: 1, effect: { reseeded } },
      { name: "clock", status: clock, ms: 1 },
      { name: "network", status: "skipped", ms: 1 },
    ],
  };
}

/** Repairs whose every run is seen, in order, with its outcome. */
export function make(results: Record<string, Effect | Skipped | Error> = {}) {
  const ran: string[] = [];
  const repair = (name: string) => ({
    name,
    limitMs: 1000,
    repair({ outcome }: { outcome: string }) {
      ran.push(`${name} ${outcome}`);
      const result = results[name] ?? { reseeded: true };
      if (result instanceof Error) throw result;
      return result;
    },
  });
  const deferred = new DeferredRepairs(
    [
      ...["entropy", "clock", "network", "renew", "credentials", "env"],
      ...["reset-connections", "generation"],
    ]
      .map(repair),
  );
  const apply = (request: RecoverRequest) =>
    deferred.applyLate("recover", request);
  return { deferred, ran, apply };
}
