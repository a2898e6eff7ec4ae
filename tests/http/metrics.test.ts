import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Metrics } from "../../src/http/metrics.ts";
import { Operation } from "../../src/lifecycle/operation.ts";
import type { Recovery, StepReport } from "../../src/lifecycle/reports.ts";
import { PROBLEMS } from "../../src/util/problem.ts";
import { VERSION } from "../../src/version.ts";

const GAUGES = {
  generation: 3,
  quiesced: true,
  resident: 4096,
  runtime: "bun",
};

/** The samples of the metrics, by name with labels. */
function samplesOf(metrics: Metrics): Map<string, number> {
  return new Map(
    metrics.text(GAUGES).split("\n").flatMap((line) => {
      if (line === "" || line.startsWith("#")) return [];
      const at = line.lastIndexOf(" ");
      return [[line.slice(0, at), Number(line.slice(at + 1))]];
    }),
  );
}

/** An operation that has ended, and its recovery. */
function ended(
  quiescedMs: number | undefined,
  reports: StepReport[],
  recovery: Partial<Recovery> = {},
): [Operation, Recovery] {
  const operation = new Operation("op", 0, "diff");
  operation.quiescedMs = quiescedMs;
  operation.reports.push(...reports);
  return [operation, {
    ...{ operation: "op", kind: "diff", trigger: "health" },
    ...{ outcome: "restored", generation: 1, ms: 3, steps: [] },
    ...recovery,
  }];
}

describe("the histograms", () => {
  test("have a prepare, a recovery and their steps in the right buckets", () => {
    const metrics = new Metrics();
    metrics.ended(...ended(
      7.5,
      [{ name: "ports", status: "done", ms: 120 }],
      { steps: [{ name: "ports", status: "failed", ms: 11_000 }] },
    ));
    const samples = samplesOf(metrics);
    const bucket = (name: string, labels: string, le: string) =>
      samples.get(`lull_${name}_duration_seconds_bucket{${labels},le="${le}"}`);
    const held = 'kind="diff",outcome="held"';
    assert.equal(bucket("prepare", held, "0.005"), 0);
    assert.equal(bucket("prepare", held, "0.02"), 1);
    assert.equal(bucket("prepare", held, "+Inf"), 1);
    assert.equal(
      samples.get(`lull_prepare_duration_seconds_sum{${held}}`),
      0.0075,
    );
    assert.equal(bucket("recovery", 'outcome="restored"', "0.001"), 0);
    assert.equal(bucket("recovery", 'outcome="restored"', "0.005"), 1);
    const done = 'step="ports",status="done",phase="prepare"';
    assert.equal(bucket("step", done, "0.1"), 0);
    assert.equal(bucket("step", done, "0.5"), 1);
    const failed = 'step="ports",status="failed",phase="recovery"';
    assert.equal(bucket("step", failed, "10.0"), 0);
    assert.equal(bucket("step", failed, "+Inf"), 1);
  });

  test("count each operation once, whenever they are read", () => {
    const metrics = new Metrics();
    const name = 'lull_recovery_duration_seconds_count{outcome="restored"}';
    for (let round = 1; round <= 3; round++) {
      metrics.ended(...ended(1, []));
      if (round === 2) metrics.count();
      assert.equal(samplesOf(metrics).get(name), round);
      assert.equal(samplesOf(metrics).get(name), round);
    }
  });

  test("have an undo that ended after its recovery", () => {
    const metrics = new Metrics();
    const steps: StepReport[] = [];
    metrics.ended(...ended(1, [], { steps }));
    steps.push({ name: "zero", status: "done", ms: 1 });
    const labels = 'step="zero",status="done",phase="recovery"';
    assert.equal(
      samplesOf(metrics).get(`lull_step_duration_seconds_count{${labels}}`),
      1,
    );
  });

  test("have a failed prepare, and no recovery of it", () => {
    const metrics = new Metrics();
    metrics.ended(...ended(undefined, [], { outcome: "aborted" }));
    const samples = samplesOf(metrics);
    const failed = 'kind="diff",outcome="failed"';
    assert.equal(
      samples.get(`lull_prepare_duration_seconds_count{${failed}}`),
      1,
    );
    assert.deepEqual(
      [...samples.keys()].filter((name) =>
        name.startsWith("lull_recovery_duration")
      ),
      [],
    );
  });
});

test("errors are counted by type, and every type is listed from the start", () => {
  const metrics = new Metrics();
  metrics.refused("other-kind");
  metrics.refused("other-kind");
  const samples = samplesOf(metrics);
  for (const kind of Object.keys(PROBLEMS)) {
    const expected = kind === "other-kind" ? 2 : 0;
    assert.equal(samples.get(`lull_errors_total{type="${kind}"}`), expected);
  }
});

test("the build is named by version and runtime", () => {
  const name = `lull_build_info{version="${VERSION}",runtime="bun"}`;
  assert.equal(samplesOf(new Metrics()).get(name), 1);
});

test("all forwarded ports together have counts, if ports are forwarded", () => {
  const named = (text: string) => text.includes("lull_forwarded");
  const metrics = new Metrics();
  assert.ok(!named(metrics.text(GAUGES)));
  const counts = { connections: 7, open: 2, bytesIn: 100, bytesOut: 2 ** 40 };
  const lines = metrics.text({ ...GAUGES, forwarding: { ports: 3, counts } })
    .split("\n").filter((line) => named(line) && !line.startsWith("#"));
  assert.deepEqual(lines, [
    "lull_forwarded_ports 3",
    "lull_forwarded_connections_total 7",
    "lull_forwarded_open_connections 2",
    'lull_forwarded_bytes_total{direction="in"} 100',
    `lull_forwarded_bytes_total{direction="out"} ${2 ** 40}`,
  ]);
});
