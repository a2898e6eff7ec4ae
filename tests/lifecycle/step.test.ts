import assert from "node:assert/strict";
import { test } from "node:test";
import { type Done, run } from "../../src/lifecycle/step.ts";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";

test("a step that is done gives its effect and its time", async () => {
  const { report, value } = await run<Done>(
    { name: "a", limitMs: 1000 },
    () => ({ effect: { closed: 3 } }),
  );
  assert.equal(report.status, "done");
  assert.deepEqual(report.effect, { closed: 3 });
  assert.ok(report.ms >= 0 && report.ms < 1000);
  assert.deepEqual(value, { effect: { closed: 3 } });
});

test("a step that throws is reported with its words", async () => {
  for (
    const action of [
      () => {
        throw new Error("no disk");
      },
      () => Promise.reject(new Error("no disk")),
    ]
  ) {
    const { report, value } = await run<Done>(
      { name: "a", limitMs: 9 },
      action,
    );
    assert.equal(report.status, "failed");
    assert.equal(report.reason, "no disk");
    assert.equal(value, undefined);
  }
});

test("a skipped step says why", async () => {
  const { report } = await run({ name: "a", limitMs: 9 }, () => ({
    skipped: "no libc",
  }));
  assert.equal(report.status, "skipped");
  assert.equal(report.reason, "no libc");
});

test("a step past its limit is a timeout, and its end is handed on", async () => {
  const { open, opened } = gate();
  const late: Done[] = [];
  const { report, value } = await run<Done>(
    { name: "a", limitMs: 5, late: (done) => late.push(done) },
    async () => {
      await opened;
      return { effect: { late: true } };
    },
  );
  assert.equal(report.status, "timeout");
  assert.equal(report.reason, "not done within 5 ms");
  assert.equal(value, undefined);
  assert.deepEqual(late, []);
  open();
  await until("the late end", () => late.length);
  assert.deepEqual(late, [{ effect: { late: true } }]);
});

test("a late failure ends nothing", async () => {
  const { open, opened } = gate();
  const { report } = await run<Done>({ name: "a", limitMs: 5 }, async () => {
    await opened;
    throw new Error("late");
  });
  assert.equal(report.status, "timeout");
  open();
  await new Promise((resolve) => setTimeout(resolve, 0));
});

test("an aborted step is overtaken at once", async () => {
  const abort = new AbortController();
  const running = run<Done>(
    { name: "a", limitMs: 60_000, signal: abort.signal },
    () => new Promise<Done>(() => {}),
  );
  abort.abort();
  assert.equal((await running).report.status, "overtaken");
});
