import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Metrics } from "../../src/http/metrics.ts";
import { Operation } from "../../src/lifecycle/operation.ts";
import { plan } from "../../src/lifecycle/make_plan.ts";
import { OUTCOMES } from "../../src/lifecycle/request.ts";
import { PROBLEMS } from "../../src/util/problem.ts";
import { everyPart } from "../support/fake_plan.ts";
import {
  alertExpressions,
  dashboardExpressions,
  readDashboard,
} from "./files.ts";

const { beforeReply, settle, repairs } = plan(everyPart(), {
  ...{ hooksLimitMs: 1, workloadLimitMs: 1, freezeHoldMs: 1 },
});

/** The values of the labels whose samples exist only after an event. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  step: [...beforeReply, ...settle, ...repairs].map(({ name }) => name),
  status: ["done", "skipped", "failed", "timeout", "overtaken"],
  phase: ["prepare", "recovery"],
  outcome: [...OUTCOMES, "held", "failed"],
  result: ["held", "failed"],
  type: Object.keys(PROBLEMS),
};

/** The label names of each metric, by the name of its samples. */
function labelsOf(): Map<string, Set<string>> {
  const metrics = new Metrics();
  const operation = new Operation("op", 0);
  operation.quiescedMs = 1;
  const steps = [{ name: "ports", status: "done", ms: 1 } as const];
  operation.reports.push(...steps);
  metrics.ended(operation, {
    ...{ operation: "op", kind: "full", trigger: "health", ms: 1, steps },
    ...{ outcome: "restored", generation: 1 },
  });
  const text = metrics.text({
    ...{ generation: 1, quiesced: false, resident: 1, runtime: "bun" },
  });
  const labels = new Map<string, Set<string>>();
  for (const [, name, inside] of text.matchAll(/^(\w+)(?:\{(.*)\})? /gm)) {
    const names = (inside ?? "").matchAll(/(\w+)="/g);
    labels.set(name, new Set([...names].map(([, name]) => name)));
  }
  return labels;
}

describe("the dashboard and the alert rules", () => {
  const expressions = [...dashboardExpressions(), ...alertExpressions()];
  const known = labelsOf();

  test("have expressions", () => {
    assert.ok(dashboardExpressions().length >= 10);
    assert.ok(alertExpressions().length >= 8);
  });

  test("name only metrics that the agent has, with their labels", () => {
    for (const { at, text } of expressions) {
      const selectors = [...text.matchAll(/\b(lull_\w+)(?:\{([^}]*)\})?/g)];
      assert.ok(selectors.length > 0, at);
      for (const [, name, matchers] of selectors) {
        const labels = known.get(name);
        assert.ok(labels, `${at}: there is no ${name}`);
        const used = (matchers ?? "").matchAll(/(\w+)=~?"([^"]*)"/g);
        for (const [, label, values] of used) {
          if (label === "instance") continue; // Prometheus adds it
          assert.ok(labels.has(label), `${at}: ${name} has no label ${label}`);
          for (const value of values.split("|")) {
            const has = VALUES[label]?.includes(value);
            assert.ok(has, `${at}: ${label} is never ${value}`);
          }
        }
      }
      const grouped = [...text.matchAll(/by \(([^)]*)\)/g)]
        .flatMap(([, names]) => names.split(", "));
      for (const label of grouped) {
        const has = label === "instance" ||
          selectors.every(([, name]) => known.get(name)!.has(label));
        assert.ok(has, `${at}: groups by ${label}`);
      }
    }
  });

  test("show every metric that the agent has", () => {
    const shown = expressions.map(({ text }) => text).join("\n");
    const hidden = new Set(
      [...known.keys()].map((name) => name.replace(/_(sum|count|bucket)$/, "")),
    );
    // The requests include polls, and the histograms replace the last durations.
    for (const name of ["lull_requests_total", "lull_last_duration_seconds"]) {
      hidden.delete(name);
    }
    for (const name of hidden) assert.ok(shown.includes(name), name);
  });

  test("have an id of its own for each panel", () => {
    const ids = readDashboard().panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });
});
