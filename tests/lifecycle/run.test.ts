import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run, STOP_MS } from "../../src/lifecycle/run.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { gate } from "../support/fake_plan.ts";

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

test("a step that throws no error is reported, too", async () => {
  const { report } = await run<Done>({ name: "a", limitMs: 9 }, () => {
    throw undefined;
  });
  assert.equal(report.status, "failed");
});

test("a skipped step says why", async () => {
  const { report } = await run({ name: "a", limitMs: 9 }, () => ({
    skipped: "no libc",
  }));
  assert.equal(report.status, "skipped");
  assert.equal(report.reason, "no libc");
});

describe("at its limit", () => {
  /** Ends as soon as it is told to stop. */
  function whenTold<T>(signal: AbortSignal, end: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) =>
      signal.addEventListener("abort", () => {
        try {
          resolve(end());
        } catch (error) {
          reject(error);
        }
      })
    );
  }

  test("a step is told to stop, and what it did all the same is taken", async () => {
    const { report, value, running } = await run<Done>(
      { name: "a", limitMs: 5 },
      (signal) => whenTold(signal, () => ({ effect: { half: true } })),
    );
    assert.equal(report.status, "timeout");
    assert.equal(report.reason, "not done within 5 ms");
    assert.deepEqual(value, { effect: { half: true } });
    assert.equal(running, undefined);
  });

  test("a step that throws then says more", async () => {
    const { report, running } = await run<Done>(
      { name: "a", limitMs: 5 },
      (signal) =>
        whenTold(signal, () => {
          throw new Error("/data does not answer");
        }),
    );
    assert.equal(
      report.reason,
      "not done within 5 ms; /data does not answer",
    );
    assert.equal(running, undefined);
  });

  test("a step that goes on is named as running, and can be followed", async () => {
    const { open, opened } = gate();
    const { report, value, running } = await run<Done>(
      { name: "a", limitMs: 5 },
      async () => {
        await opened;
        return { effect: { late: true } };
      },
    );
    assert.equal(report.status, "timeout");
    assert.equal(report.reason, "not done within 5 ms; it still runs");
    assert.ok(report.ms >= 5 + STOP_MS - 2, `${report.ms} ms`);
    assert.equal(value, undefined);
    open();
    assert.deepEqual(await running, { effect: { late: true } });
  });

  test("a late failure ends nothing", async () => {
    const { open, opened } = gate();
    const { report, running } = await run<Done>(
      { name: "a", limitMs: 5 },
      async () => {
        await opened;
        throw new Error("late");
      },
    );
    assert.equal(report.status, "timeout");
    open();
    await assert.rejects(running!, /late/);
  });
});

test("an overtaken step is told to stop, within the time that it gets", async () => {
  const abort = new AbortController();
  let told: AbortSignal | undefined;
  const running = run<Done>(
    { name: "a", limitMs: 60_000, overtaken: abort.signal, stopMs: 5 },
    (signal) => {
      told = signal;
      return new Promise<Done>(() => {});
    },
  );
  assert.equal(told?.aborted, false);
  abort.abort();
  const { report } = await running;
  assert.equal(report.status, "overtaken");
  assert.equal(report.reason, "it still runs");
  assert.ok(told.aborted);
});
