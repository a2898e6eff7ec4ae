import assert from "node:assert/strict";
import { test } from "node:test";
import { isJournal } from "../../src/log/journal.ts";
import { runtimeName } from "../../src/runtime/mod.ts";
import { type LogLine, TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";

/** Starts a program as systemd does: JOURNAL_STREAM names its stderr. */
const JOURNAL = [
  ...["sh", "-c"],
  'JOURNAL_STREAM=$(stat -L -c "%d:%i" /proc/self/fd/2) exec "$0" "$@"',
];

test("a line for the journal begins with its priority, a line for others does not", async () => {
  const flags = ["--log-level=debug", "--no-forward-ports"];
  await using agent = TestAgent.launch(runtimeName(), flags, {}, JOURNAL);
  await until(
    "a line",
    () => agent.output.includes('"message":"listening"'),
    30_000,
  );
  const port = Number(/"port":(\d+)/.exec(agent.output)?.[1]);
  agent.port = port;
  await agent.ask("GET", "/nowhere");
  await agent.ask("GET", "/health");
  const priorities = { DEBUG: 7, INFO: 6, WARN: 4, ERROR: 3 };
  const read = () =>
    agent.output.trimEnd().split("\n").map((line) => {
      const [, priority, json] = /^<(\d)>(\{.*\})$/.exec(line) ?? [];
      const { level, message }: LogLine = JSON.parse(json);
      return { priority: Number(priority), level, message };
    });
  await until(
    "the lines of both requests",
    () => read().filter(({ message }) => message === "request").length === 2,
  );
  const lines = read();
  for (const { level, priority, message } of lines) {
    assert.equal(
      priority,
      priorities[level as keyof typeof priorities],
      message,
    );
  }
  for (const level of ["DEBUG", "INFO", "WARN"]) {
    assert.ok(lines.some((line) => line.level === level), level);
  }

  await using other = await TestAgent.start(runtimeName(), flags, {
    JOURNAL_STREAM: "1:2",
  });
  assert.match(other.output, /^\{/);
});

test("a stderr that is not the one of the variable is not the journal", () => {
  for (const stream of [undefined, "", "1:2", "journal"]) {
    assert.equal(isJournal(stream), false);
  }
});
