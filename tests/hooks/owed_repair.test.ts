import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HookResult } from "../../src/hooks/hook.ts";
import { repairOwed } from "../../src/hooks/owed_repair.ts";
import type { Repaired } from "../../src/lifecycle/reports.ts";
import { NotUndone } from "../../src/lifecycle/not_undone.ts";
import { until } from "../support/until.ts";
import { FAILED, World } from "./owed_world.ts";

describe("at the start of an agent", () => {
  /** Repairs entries of these hooks; gives what the last one came to. */
  function repairing(world: World, limitMs = 1000) {
    const repair = repairOwed({
      hooks: () => [...world.programs.values()],
      limitMs,
      owed: world.owed,
      log: { info() {} },
    });
    return async (...started: string[]) => {
      const report: { -readonly [K in keyof Repaired]?: Repaired[K] } = {};
      const recorded = world.record();
      const entry = {
        ...recorded,
        tell: (news: Partial<Repaired>) => void Object.assign(report, news),
      };
      const change = { operation: "op", generation: 7, kind: "disk", started };
      const error = await Promise.resolve(repair(change, entry)).then(
        (effect) => void Object.assign(report, { effect }),
        (error: unknown) => error as NotUndone,
      );
      if (error === undefined) return { report, error };
      assert.ok(error instanceof NotUndone, `${error}`);
      recorded.update(error.left);
      Object.assign(report, { ...error, reason: error.message });
      return { report, error };
    };
  }

  test("only hooks that take part are called, by their names", async () => {
    const world = new World();
    world.add("db", () => ({}));
    world.add("other", () => ({}));
    const { report, error } = await repairing(world)(
      "program app",
      "script /etc/passwd",
      "program db",
    );
    assert.deepEqual(world.told, [{
      phase: "thaw",
      operation: "op",
      generation: 7,
      kind: "disk",
      outcome: "aborted",
    }]);
    assert.deepEqual(report.owed, ["app", "/etc/passwd"]);
    assert.equal(
      report.reason,
      "Cannot thaw every hook: hook app has not registered again; " +
        "there is no script /etc/passwd",
    );
    assert.deepEqual(error!.left, {
      operation: "op",
      generation: 7,
      kind: "disk",
      outcome: "aborted",
      started: ["program app", "script /etc/passwd"],
    });
    assert.deepEqual(world.owed.names, ["app", "/etc/passwd"]);
  });

  test("the report tells what becomes of the rest", async () => {
    const world = new World();
    let works = false;
    const db = world.add("db", () => works ? {} : FAILED);
    const { report } = await repairing(world)("program app", "program db");
    const app = world.add("app", () => ({}));
    world.owed.registered("app");
    await until("the first", () => report.owed?.length === 1);
    assert.equal(
      report.reason,
      "Cannot thaw every hook: hook db failed: no",
    );
    // A thaw of a later round that fails: it is owed still.
    await world.round([db, { ...FAILED, reason: "still no" }]);
    assert.deepEqual(report.owed, ["db"]);
    assert.match(report.reason!, /still no$/);
    works = true;
    await world.round([db, {}], [app, {}]);
    assert.deepEqual([report.status, report.owed, report.reason], [
      "repaired",
      undefined,
      undefined,
    ]);
    const { hooks } = report.effect as { hooks: HookResult[] };
    assert.deepEqual(hooks.map(({ name, status }) => `${name} ${status}`), [
      "db failed",
      "app done",
      "db failed",
      "db done",
    ]);
  });

  test("each hook is called once, within one limit for all entries", async () => {
    const world = new World();
    const hang = () =>
      new Promise<Partial<HookResult>>((resolve) =>
        setTimeout(resolve, 150, { status: "timeout", reason: "late" })
      );
    for (const name of ["a", "b"]) world.add(name, hang);
    const repair = repairing(world, 100);
    const start = performance.now();
    for (let i = 0; i < 20; i++) await repair("program a", "program b");
    assert.equal(world.told.length, 2);
    assert.ok(performance.now() - start < 10_000);
    assert.deepEqual(world.owed.names.sort(), ["a", "b"]);
  });
});
