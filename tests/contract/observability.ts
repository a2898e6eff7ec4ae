import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runtimeOf, type Target, TestAgent } from "../support/agent.ts";
import { script, temporary } from "../support/hooks.ts";
import { RequestProgram } from "../support/programs.ts";
import { until } from "../support/until.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceparent = (parent: string) => `00-${TRACE_ID}-${parent}-01`;
const OF_PREPARE = "00f067aa0ba902b7";
const OF_RECOVER = "00f067aa0ba902b8";

interface Span {
  spanId: string;
  parentId: string;
  name: string;
  start: string;
  end?: string;
}

/** Metrics, traces and the ids in the log. */
export function observability(target: Target): void {
  describe(`observability on ${target}`, () => {
    const directory = temporary();
    const program = new RequestProgram(directory.path, "db");
    const noted = join(directory.path, "noted");
    let agent: TestAgent;
    before(async () => {
      script(
        join(directory.path, "hook"),
        `#!/bin/sh\necho "$1 $TRACEPARENT" >> ${noted}\necho said\n`,
      );
      await program.start();
      agent = await TestAgent.start(target, [
        `--hook-directories=${directory.path}`,
      ]);
      await program.register(`${agent.directory}/hooks.sock`);
    });
    after(async () => {
      await agent?.stop();
      program.stop();
      directory.remove();
    });

    const call = async (path: string, headers: Record<string, string>) =>
      // deno-lint-ignore no-explicit-any
      (await agent.ask("POST", path, "", headers)).json<any>();

    test("a traced round gives its spans back, and hooks get the trace", async () => {
      const prepare = await call("/snapshot/prepare?wait=settled", {
        traceparent: traceparent(OF_PREPARE),
      });
      const { recovery } = await call("/snapshot/recover", {
        traceparent: traceparent(OF_RECOVER),
      });
      const spansOf = (
        { traceId, spans }: { traceId: string; spans: Span[] },
        parent: string,
      ) => {
        const [root, ...others] = spans;
        assert.equal(traceId, TRACE_ID);
        assert.equal(root.parentId, parent);
        for (const { parentId, start, end } of others) {
          assert.equal(parentId, root.spanId);
          assert.ok(BigInt(root.start) <= BigInt(start));
          assert.ok(BigInt(start) <= BigInt(end!));
          assert.ok(BigInt(end!) <= BigInt(root.end!));
        }
        return spans;
      };
      const prepared = spansOf(prepare.trace, OF_PREPARE);
      const recovered = spansOf(recovery.trace, OF_RECOVER);
      type Step = { name: string; reason?: string };
      const left = ({ reason }: Step) => reason?.startsWith("left out by kind");
      assert.deepEqual(
        prepared.slice(1).map(({ name }) => name),
        prepare.steps.filter((step: Step) => !left(step))
          .map(({ name }: Step) => name),
      );
      assert.equal(recovered[0].name, "recover");
      assert.equal(recovered[1].name, "entropy");
      const freeze = prepared.find(({ name }) => name === "hooks")!;
      const thaw = recovered.find(({ name }) => name === "undo hooks")!;
      const expected = [freeze, thaw].map(({ spanId }) => traceparent(spanId));
      assert.deepEqual(program.traceparents, expected);
      assert.equal(
        readFileSync(noted, "utf8"),
        `freeze ${expected[0]}\nthaw ${expected[1]}\n`,
      );
      const ids = [...prepared, ...recovered].map(({ spanId }) => spanId);
      assert.equal(new Set(ids).size, ids.length);
      const line = await until(
        "the line of the recovery",
        () => agent.lines().find(({ message }) => message === "recovered"),
      );
      assert.equal(line.trace, TRACE_ID);
    });

    test("without a valid traceparent there is no span", async () => {
      const before = program.traceparents.length;
      for (const header of [undefined, "00-not-a-trace-01"]) {
        const headers: Record<string, string> = header === undefined
          ? {}
          : { traceparent: header };
        const prepare = await call("/snapshot/prepare?wait=settled", headers);
        const { recovered, recovery } = await call(
          "/snapshot/recover",
          headers,
        );
        assert.equal(prepare.settled, true);
        assert.equal(recovered, true);
        assert.equal("trace" in prepare, false);
        assert.equal("trace" in recovery, false);
      }
      assert.deepEqual(
        program.traceparents.slice(before),
        [undefined, undefined, undefined, undefined],
      );
    });

    test("one id of the host is in every log line of its operation", async () => {
      const operation = "linked";
      await call(`/snapshot/prepare?wait=settled&operation=${operation}`, {
        "x-request-id": "host-prepare",
      });
      await call("/snapshot/recover", { "x-request-id": "host-recover" });
      const lines = await until("all lines of the round", () => {
        const lines = agent.lines().filter((line) =>
          line.operation === operation
        );
        const messages = lines.map(({ message, request }) =>
          `${message} ${request}`
        );
        const complete = [
          "output of hooks host-prepare",
          "request host-prepare",
          "output of hooks host-recover",
          "recovered host-recover",
          "request host-recover",
        ].every((wanted) => messages.includes(wanted));
        return complete ? lines : undefined;
      });
      assert.deepEqual(
        [...new Set(lines.map(({ request }) => request))].sort(),
        ["host-prepare", "host-recover"],
      );
      await call("/snapshot/recover", { "x-request-id": "host-again" });
      await agent.ask("GET", "/nowhere");
      const after = await until(
        "the line of an unknown route",
        () => agent.lines().find(({ path }) => path === "/nowhere"),
      );
      assert.equal("operation" in after, false);
    });

    test("if stderr is the journal, each line has its priority", async () => {
      // As systemd does it: the device and the inode of the stream.
      const journal = (stat: string) => [
        ...["sh", "-c", `export JOURNAL_STREAM="${stat}"; exec "$@"`, "sh"],
      ];
      const own = "$(stat -L -c %d:%i /proc/self/fd/2)";
      for (const [stat, prefix] of [[own, "<6>"], ["1:2", ""]]) {
        const agent = TestAgent.launch(target, [], {}, journal(stat));
        try {
          await until(
            "the agent to listen",
            () => /"listening"/.test(agent.output),
          );
        } finally {
          await agent.stop();
        }
        const lines = agent.output.trimEnd().split("\n");
        const listening = lines.find((line) => line.includes('"listening"'))!;
        assert.ok(listening.startsWith(`${prefix}{"time":`), listening);
        for (const line of lines) {
          const { level } = JSON.parse(line.replace(/^<\d>/, ""));
          const priority = { DEBUG: 7, INFO: 6, WARN: 4, ERROR: 3 }[
            level as "INFO"
          ];
          const expected = prefix === "" ? "{" : `<${priority}>{`;
          assert.ok(line.startsWith(expected), line);
        }
      }
    });

    test("the histograms and the errors have the rounds", async () => {
      const read = async () => {
        const { body } = await agent.ask("GET", "/metrics");
        return (sample: string) =>
          Number(
            body.split("\n").find((line) => line.startsWith(`${sample} `))
              ?.slice(sample.length),
          );
      };
      await agent.ask("GET", "/nowhere");
      const held =
        'lull_prepare_duration_seconds_count{kind="diff",outcome="held"}';
      const undone =
        'lull_step_duration_seconds_count{step="hooks",status="done",phase="recovery"}';
      const missing = 'lull_errors_total{type="not-found"}';
      const before = await read();
      await call("/snapshot/prepare?wait=settled&kind=diff", {});
      await agent.ask("POST", "/snapshot/recover", '{"outcome":"restored"}');
      await agent.ask("GET", "/nowhere");
      const after = await read();
      assert.equal(after(held), (before(held) || 0) + 1);
      assert.equal(after(undone), (before(undone) || 0) + 1);
      assert.equal(after(missing), before(missing) + 1);
      assert.ok(
        after('lull_recovery_duration_seconds_sum{outcome="restored"}') > 0,
      );
      const { version } = await agent.status();
      const build = `lull_build_info{version="${version}",runtime="${
        runtimeOf(target)
      }"}`;
      assert.equal(after(build), 1);
    });
  });
}
