import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { deadline, type Ended, reasonOf } from "../../src/hooks/deadline.ts";
import type { Facts, Hook, HookResult } from "../../src/hooks/hook.ts";
import { findScripts } from "../../src/hooks/scripts.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { HooksError, hooksStep, thawOwed } from "../../src/steps/hooks.ts";
import {
  fakeJournal,
  recoveryContext,
  script,
  stepContext,
  temporary,
} from "../support/hooks.ts";
import { until } from "../support/until.ts";

interface Fake extends Partial<Pick<Hook, "policy" | "limitMs">> {
  readonly name: string;
  readonly freeze?: Partial<HookResult>;
  readonly thaw?: Partial<HookResult>;
  /** The phases whose call ends only at its limit, or as it is given up. */
  readonly hangs?: readonly Facts["phase"][];
  /** What its thaw waits for. */
  readonly thawAfter?: () => boolean;
}

function start(fakes: Fake[], limitMs = 1000) {
  const seen: string[] = [];
  const facts: Facts[] = [];
  const limitsSeen: number[] = [];
  const journal = fakeJournal();
  const hooks = fakes.map((fake): Hook => ({
    name: fake.name,
    kind: "script",
    limitMs: fake.limitMs ?? 1000,
    policy: fake.policy ?? "abort",
    async call(told, limits) {
      seen.push(`${told.phase} ${fake.name}`);
      facts.push(told);
      limitsSeen.push(limits.limitMs);
      const status = fake.hangs?.includes(told.phase)
        ? await new Promise<Ended>((end) => deadline(limits, end))
        : "done";
      if (told.phase === "thaw" && fake.thawAfter !== undefined) {
        await until("what the thaw waits for", fake.thawAfter);
      }
      const reason = status === "done"
        ? undefined
        : reasonOf(status, limits.limitMs);
      const result = { name: fake.name, kind: "script", ms: 0 } as const;
      return { ...result, status, reason, ...fake[told.phase] };
    },
  }));
  const step = hooksStep({
    hooks: () => hooks,
    limitMs,
    journal,
    hostTime: () => "2031-01-02T03:04:05Z",
  });
  return { step, seen, facts, limitsSeen, journal, hooks };
}

const fails = { status: "failed", reason: "exit code 1" } as const;

describe("hooks around a freeze", () => {
  test("freeze in order, thaw in reverse, with the facts of each", async () => {
    const { step, seen, facts, journal } = start([
      { name: "a" },
      { name: "b" },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(seen, ["freeze a", "freeze b"]);
    assert.deepEqual(journal.written.get("hooks")?.started, [
      "script a",
      "script b",
    ]);
    const effect = await done.undo!(recoveryContext());
    assert.deepEqual(seen.slice(2), ["thaw b", "thaw a"]);
    assert.deepEqual(facts[0], {
      phase: "freeze",
      operation: "op",
      generation: 7,
    });
    assert.deepEqual(facts[2], {
      phase: "thaw",
      operation: "op",
      generation: 8,
      outcome: "restored",
      hostTime: "2031-01-02T03:04:05Z",
    });
    assert.deepEqual(
      (effect?.hooks as HookResult[]).map(({ name }) => name),
      ["b", "a"],
    );
    assert.equal(journal.written.size, 0);
  });

  test("with nobody there is nothing to do", async () => {
    const { step } = start([]);
    assert.deepEqual(await step.quiesce(stepContext()), {
      skipped: "there are no hooks",
    });
  });

  test("a failure thaws what was started, and nothing else", async () => {
    const { step, seen, journal } = start([
      { name: "a", thaw: { ...fails, output: "x\nno lock\n" } },
      { name: "b", freeze: { ...fails, output: "disk full" } },
      { name: "c" },
    ]);
    const failure = await Promise.resolve(step.quiesce(stepContext())).then(
      () => assert.fail("it held"),
      (error) => error,
    );
    assert.ok(failure instanceof HooksError);
    assert.equal(
      failure.message,
      "Cannot freeze the hooks: hook b failed: exit code 1 (disk full)" +
        "; thaw: hook a failed: exit code 1 (no lock)",
    );
    assert.deepEqual(seen, ["freeze a", "freeze b", "thaw b", "thaw a"]);
    assert.deepEqual(
      (failure.effect.thawed as HookResult[]).map(({ name }) => name),
      ["b", "a"],
    );
    assert.equal(journal.written.size, 0);
  });

  test("a failure that stops nothing is in the report, and thawed", async () => {
    const { step, seen } = start([
      { name: "a", freeze: fails, policy: "continue" },
      { name: "b" },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    const statuses = (done.effect.hooks as HookResult[]).map((h) => h.status);
    assert.deepEqual(statuses, ["failed", "done"]);
    await done.undo!(recoveryContext());
    assert.deepEqual(seen.slice(2), ["thaw b", "thaw a"]);
  });

  test("all thaws run whatever fails, and the failures are named", async () => {
    const { step, seen, journal } = start([
      { name: "a", thaw: fails },
      { name: "b", thaw: { status: "gone", reason: "left" } },
      { name: "c", thaw: { status: "timeout", reason: "late" } },
    ]);
    const done = await step.quiesce(stepContext()) as Done;
    await assert.rejects(
      async () => await done.undo!(recoveryContext()),
      {
        name: "HooksError",
        message: "Cannot thaw the hooks: hook c timeout: late" +
          "; hook a failed: exit code 1",
      },
    );
    assert.deepEqual(seen.slice(3), ["thaw c", "thaw b", "thaw a"]);
    assert.equal(journal.written.size, 0);
  });

  test("a program that leaves during its freeze has failed", async () => {
    const { step } = start([
      { name: "a", freeze: { status: "gone", reason: "left" } },
    ]);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /hook a gone: left/,
    );
  });

  test("all together have a limit, and every thaw its call", async () => {
    const { step, seen, limitsSeen } = start([
      { name: "a" },
      { name: "b", hangs: ["freeze"] },
      { name: "c" },
    ], 500);
    assert.ok(step.limitMs > 1000);
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /hook b timeout/,
    );
    assert.deepEqual(seen, ["freeze a", "freeze b", "thaw b", "thaw a"]);
    assert.ok(limitsSeen[1] <= 500, "b had what was left for all, not its own");

    const tolerant = start([
      { name: "a", hangs: ["freeze"], policy: "continue" },
      { name: "b", policy: "continue" },
    ], 100);
    const done = await tolerant.step.quiesce(stepContext()) as Done;
    assert.deepEqual(
      (done.effect.hooks as HookResult[]).map((h) => [h.name, h.status]),
      [["a", "timeout"], ["b", "skipped"]],
    );
    // never started, so it gets no thaw
    await done.undo!(recoveryContext());
    assert.deepEqual(tolerant.seen, ["freeze a", "thaw a"]);
  });

  test("thaws beyond the limit of all run at once", async () => {
    const { step, seen } = start([
      { name: "a" },
      { name: "b", thawAfter: () => seen.includes("thaw a") },
      { name: "c", hangs: ["thaw"] },
      { name: "d" },
    ], 500);
    const done = await step.quiesce(stepContext()) as Done;
    await assert.rejects(
      async () => await done.undo!(recoveryContext()),
      (error: HooksError) => {
        assert.deepEqual(
          (error.effect.hooks as HookResult[]).map((h) => [h.name, h.status]),
          [["d", "done"], ["c", "timeout"], ["b", "done"], ["a", "done"]],
        );
        return true;
      },
    );
    assert.deepEqual(seen.slice(4), ["thaw d", "thaw c", "thaw b", "thaw a"]);
  });

  test("given up, it starts no more and thaws what it started", async () => {
    const giveUp = new AbortController();
    const { step, seen, facts } = start([
      { name: "a", hangs: ["freeze"] },
      { name: "b" },
    ]);
    const quiescing = Promise.resolve(step.quiesce(stepContext(giveUp.signal)));
    await until("the first", () => seen.length);
    giveUp.abort();
    await assert.rejects(quiescing, /given up with the prepare/);
    assert.deepEqual(seen, ["freeze a", "thaw a"]);
    assert.equal(facts[1].outcome, "aborted");
  });

  test("what cannot be written down is not started", async () => {
    const { seen, hooks } = start([{ name: "a" }, { name: "b" }]);
    let updates = 0;
    const step = hooksStep({
      hooks: () => hooks,
      limitMs: 1000,
      journal: {
        record: () => ({
          update() {
            if (++updates === 2) throw new Error("no space");
          },
          erase() {},
        }),
      },
    });
    await assert.rejects(
      async () => await step.quiesce(stepContext()),
      /Cannot freeze the hooks: no space/,
    );
    assert.deepEqual(seen, ["freeze a", "thaw a"]);
  });

  test("an agent that was killed owes the thaws of who still takes part", async () => {
    const { seen, facts, hooks } = start([
      { name: "a" },
      { name: "b" },
      { name: "c" },
    ]);
    const repair = thawOwed({ hooks: () => hooks, limitMs: 1000 });
    await repair({
      operation: "op",
      generation: 7,
      started: ["script a", "script c", "script /etc/passwd"],
    });
    assert.deepEqual(seen, ["thaw c", "thaw a"]);
    assert.equal(facts[0].outcome, "aborted");
  });
});

test("scripts in the style of the QEMU guest agent", async () => {
  const { path, remove } = temporary();
  after(remove);
  const fifo = join(path, "flush.fifo");
  const log = join(path, "log");
  // Like mysql-flush: its freeze leaves a child behind that holds the lock and
  // its output until the thaw tells it to let go.
  script(
    join(path, "10-flush"),
    `#!/bin/sh
hold() { echo locked >> ${log}; read x < ${fifo}; echo unlocked >> ${log}; }
case "$1" in
  freeze) mkfifo ${fifo} || exit 1; hold &
    while ! grep -qs '^locked' ${log}; do :; done ;;
  thaw) [ -p ${fifo} ] || exit 1; echo > ${fifo}; rm -f ${fifo}
    while ! grep -qs unlocked ${log}; do :; done ;;
  *) exit 1 ;;
esac`,
  );
  const journal = fakeJournal();
  const step = hooksStep({
    hooks: () => findScripts({ directories: [path], limitMs: 3000 }),
    limitMs: 5000,
    journal,
  });
  const done = await step.quiesce(stepContext()) as Done;
  assert.equal(readFileSync(log, "utf8"), "locked\n");
  await done.undo!(recoveryContext());
  assert.equal(readFileSync(log, "utf8"), "locked\nunlocked\n");

  script(
    join(path, "20-hangs"),
    `#!/bin/sh\n[ "$1" = thaw ] && exit 0\nsh -c 'trap "" TERM; sleep 60'`,
  );
  const hanging = hooksStep({
    hooks: () => findScripts({ directories: [path], limitMs: 2000 }),
    limitMs: 5000,
    journal,
  });
  const start = performance.now();
  await assert.rejects(
    async () => await hanging.quiesce(stepContext()),
    /hook 20-hangs timeout: not done within 2000 ms/,
  );
  assert.ok(performance.now() - start < 30_000, "not until its end");
  // the lock of the first was let go although its freeze had held
  assert.match(readFileSync(log, "utf8"), /unlocked\nlocked\nunlocked\n$/);
  assert.ok(!existsSync(fifo));
});
