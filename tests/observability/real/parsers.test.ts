/**
 * The metrics of real agents, the alert rules and the dashboard, as the parsers of Prometheus read
 * them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TestAgent } from "../../support/agent.ts";
import { script, temporary } from "../../support/hooks.ts";
import { ALERTS, dashboardExpressions } from "../files.ts";
import { promtool, python, type Tool } from "./tools.ts";

interface Family {
  readonly type: string;
  readonly samples: readonly [string, Record<string, string>, number][];
}

/** Runs a tool, which must succeed; returns its output. */
function run(tool: Tool, args: readonly string[], input = ""): string {
  assert.ok("command" in tool);
  const { status, stdout, stderr, error } = spawnSync(tool.command, args, {
    ...{ encoding: "utf8", input },
  });
  assert.equal(error, undefined);
  assert.equal(status, 0, stderr + stdout);
  return stdout;
}

function skipOf(name: string, tool: Tool): string | false {
  if ("command" in tool) return false;
  console.log(`${name}: skipped: ${tool.missing}`);
  return tool.missing;
}

const parser = python();
const prometheus = promtool();

describe("the OpenMetrics parser of Python's Prometheus client", {
  skip: skipOf("OpenMetrics", parser),
}, () => {
  const parse = (text: string): Record<string, Family> =>
    JSON.parse(
      run(parser, [join(import.meta.dirname!, "parse.py")], text),
    );

  for (const target of ["deno", "bun"] as const) {
    test(`reads the metrics on ${target}, before and after rounds`, async () => {
      const directory = temporary();
      const hooks = join(directory.path, "hooks.d");
      mkdirSync(hooks);
      const agent = await TestAgent.start(target, [
        `--hook-directories=${hooks}`,
      ]);
      try {
        const read = async () =>
          parse((await agent.ask("GET", "/metrics")).body);
        const before = await read();
        assert.equal(before.lull_build.type, "info");
        assert.deepEqual(before.lull_prepare_duration_seconds.samples, []);
        for (const kind of ["full", "diff"]) {
          await agent.ask(
            "POST",
            `/snapshot/prepare?wait=settled&kind=${kind}`,
          );
          await agent.ask(
            "POST",
            "/snapshot/recover",
            '{"outcome":"restored"}',
          );
        }
        const path = script(join(hooks, "fail"), "#!/bin/sh\nexit 1\n");
        const { status } = await agent.settle();
        assert.equal(status, 503, `${path} does not fail`);
        const after = await read();
        const { samples } = after.lull_prepare_duration_seconds;
        const counts = samples.filter(([name]) => name.endsWith("_count"))
          .map(([, { kind, outcome }, count]) => `${kind} ${outcome} ${count}`);
        assert.deepEqual(counts.sort(), [
          ...["diff held 1", "full failed 1", "full held 1"],
        ]);
        assert.equal(after.lull_step_duration_seconds.type, "histogram");
        const failed = after.lull_step_duration_seconds.samples.find((
          [name, { step, status }],
        ) =>
          name.endsWith("_count") && step === "hooks" && status === "failed"
        );
        assert.equal(failed?.[2], 1);
        const errors = after.lull_errors.samples.filter(([, , n]) => n > 0);
        assert.deepEqual(errors, [
          ["lull_errors_total", { type: "prepare-failed" }, 1],
        ]);
      } finally {
        await agent.stop();
        directory.remove();
      }
    });
  }

  test("refuses text that is not OpenMetrics", () => {
    assert.ok("command" in parser);
    const path = join(import.meta.dirname!, "parse.py");
    const input = "# TYPE a counter\na_total 1\n"; // no EOF
    const { status } = spawnSync(parser.command, [path], { input });
    assert.notEqual(status, 0);
  });
});

describe("promtool", { skip: skipOf("promtool", prometheus) }, () => {
  test("accepts the alert rules", () => {
    assert.match(run(prometheus, ["check", "rules", ALERTS]), /9 rules found/);
  });

  test("fires each rule when it should, and only then", () => {
    const tests = join(import.meta.dirname!, "alerts_test.yml");
    run(prometheus, ["test", "rules", tests]);
  });

  test("accepts the expressions of the dashboard", () => {
    const directory = temporary();
    try {
      const rules = dashboardExpressions().map(({ text }, at) =>
        `      - record: panel:${at}\n        expr: ${JSON.stringify(text)}\n`
      );
      const path = join(directory.path, "dashboard.yml");
      const head = "groups:\n  - name: dashboard\n    rules:\n";
      writeFileSync(path, head + rules.join(""));
      run(prometheus, ["check", "rules", path]);
    } finally {
      directory.remove();
    }
  });
});
