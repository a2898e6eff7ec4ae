import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Hook, HookEvent, HookResult } from "../../src/hooks/hook.ts";
import { OUTPUT } from "../../src/hooks/output.ts";
import { repairOwed } from "../../src/hooks/owed_repair.ts";
import { OwedThaws } from "../../src/hooks/owed_thaws.ts";
import type { Change } from "../../src/lifecycle/journal.ts";
import type { Repaired } from "../../src/lifecycle/reports.ts";
import { NotUndone } from "../../src/lifecycle/not_undone.ts";
import type { Fields } from "../../src/log/mod.ts";
import { gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";

const THAW: HookEvent = {
  phase: "thaw",
  operation: "op",
  generation: 8,
  kind: "diff",
  outcome: "restored",
  hostTime: "2031-01-02T03:04:05Z",
};
const LIMITS = { limitMs: 10_000 };

/** Programs whose answers the test decides, and an entry of the journal. */
class World {
  readonly told: HookEvent[] = [];
  readonly logged: [string, Fields?][] = [];
  readonly programs = new Map<string, Hook>();
  /** What is in the entry now, undefined if it is erased. */
  readonly entries: (Change | undefined)[] = [];
  readonly owed = new OwedThaws({
    find: (name) => this.programs.get(name),
    limitMs: 1000,
    log: {
      info: (...line) => void this.logged.push(line),
      warn: (...line) => void this.logged.push(line),
      error: (...line) => void this.logged.push(line),
    },
  });

  /** A program takes part; `answer` is what becomes of its calls. */
  add(
    name: string,
    answer: () => Partial<HookResult> | Promise<Partial<HookResult>>,
  ): Hook {
    const hook: Hook = {
      name,
      kind: "request",
      limitMs: 100,
      policy: "abort",
      call: async (facts) => {
        this.told.push(facts);
        const result = {
          name,
          kind: "request",
          status: "done",
          ms: 0,
        } as const;
        return { ...result, ...await answer() };
      },
    };
    this.programs.set(name, hook);
    return hook;
  }

  /** A new entry of the journal. */
  record() {
    const at = this.entries.push({}) - 1;
    return {
      update: (change: Change) => void (this.entries[at] = change),
      erase: () => void (this.entries[at] = undefined),
    };
  }

  /** A round whose thaws end like this. */
  async round(...ends: [Hook, Partial<HookResult>][]): Promise<string[]> {
    assert.ok(await this.owed.begin(LIMITS));
    const recorded = this.record();
    const calls = ends.map(([hook, end]) => {
      const { name, kind } = hook;
      const result = { name, kind, status: "done", ms: 0, ...end } as const;
      return { hook, result };
    });
    const names = this.owed.settle(calls, THAW, recorded);
    this.owed.end();
    return names;
  }
}

const FAILED = { status: "failed", reason: "no" } as const;

describe("a thaw that is owed", () => {
  test("stays in the journal until its program registers again", async () => {
    const world = new World();
    const { owed, told, entries, logged } = world;
    const db = world.add("db", () => ({ [OUTPUT]: "thank you" }));
    const app = world.add("app", () => ({}));
    assert.deepEqual(await world.round([db, FAILED], [app, {}]), ["db"]);
    assert.deepEqual(owed.names, ["db"]);
    assert.deepEqual(entries, [{
      operation: "op",
      generation: 8,
      kind: "diff",
      outcome: "restored",
      started: ["program db"],
    }]);
    owed.registered("app");
    owed.registered("unknown");
    assert.deepEqual(told, []);
    owed.registered("db");
    await until("it to be paid", () => owed.names.length === 0);
    // Not the host's time of the recovery, which is over.
    const { hostTime: _, ...facts } = THAW;
    assert.deepEqual(told, [facts]);
    assert.deepEqual(entries, [undefined]);
    assert.deepEqual(logged.map(([, fields]) => fields), [
      { operation: "op", owed: ["db"] },
      { hook: "db", operation: "op", output: "thank you" },
    ]);
    owed.registered("db");
    assert.equal(told.length, 1);
  });

  test("is tried again at each registration", async () => {
    const world = new World();
    let works = false;
    const db = world.add("db", () => works ? {} : FAILED);
    await world.round([db, FAILED]);
    world.owed.registered("db");
    await until("the second warning", () => world.logged.length === 2);
    assert.deepEqual(world.owed.names, ["db"]);
    assert.notEqual(world.entries[0], undefined);
    works = true;
    world.owed.registered("db");
    await until("it to be paid", () => world.owed.names.length === 0);
  });

  test("is paid by the next thaw, and held by one entry", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    const app = world.add("app", () => ({}));
    await world.round([db, FAILED], [app, FAILED]);
    await world.round([db, FAILED]);
    assert.deepEqual(world.entries.map((entry) => entry?.started), [
      ["program app"],
      ["program db"],
    ]);
    await world.round([db, {}], [app, {}]);
    assert.deepEqual(world.entries, [undefined, undefined, undefined]);
    assert.deepEqual(world.owed.names, []);
  });

  test("is not called in a round: the program may be frozen again", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    await world.round([db, FAILED]);
    assert.ok(await world.owed.begin(LIMITS));
    world.owed.registered("db");
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(world.told, []);
    world.owed.end();
    await until("it to be paid", () => world.owed.names.length === 0);
    assert.equal(world.told.length, 1);
  });

  test("holds up the next round while it is called, within limits", async () => {
    const world = new World();
    const { open, opened } = gate();
    const db = world.add("db", async () => {
      await opened;
      return {};
    });
    await world.round([db, FAILED]);
    world.owed.registered("db");
    assert.equal(world.told.length, 1);
    assert.equal(await world.owed.begin({ limitMs: 20 }), false);
    world.owed.end();
    const aborted = AbortSignal.abort();
    const signal = { limitMs: 10_000, signal: aborted };
    assert.equal(await world.owed.begin(signal), false);
    world.owed.end();
    const begun = world.owed.begin(LIMITS);
    open();
    assert.equal(await begun, true);
    assert.deepEqual(world.owed.names, []);
    world.owed.end();
  });

  test("is dropped for a program that withdraws, in a round at its end", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    const app = world.add("app", () => ({}));
    await world.round([db, FAILED], [app, FAILED]);
    assert.equal(world.owed.withdrawn("db"), true);
    assert.equal(world.owed.withdrawn("db"), false);
    assert.deepEqual(world.entries[0]?.started, ["program app"]);
    assert.ok(await world.owed.begin(LIMITS));
    assert.equal(world.owed.withdrawn("app"), true);
    assert.notEqual(world.entries[0], undefined, "nothing is written now");
    world.owed.end();
    assert.equal(world.entries[0], undefined);
  });

  test("survives a journal that cannot be written", async () => {
    const world = new World();
    const db = world.add("db", () => ({}));
    const recorded = {
      update() {
        throw new Error("no space");
      },
      erase() {},
    };
    await world.owed.begin(LIMITS);
    const result = { name: "db", kind: "request", ms: 0, ...FAILED } as const;
    world.owed.settle([{ hook: db, result }], THAW, recorded);
    world.owed.end();
    assert.deepEqual(world.logged[0], [
      "Cannot write the journal",
      { error: "no space" },
    ]);
    world.owed.registered("db");
    await until("it to be paid", () => world.owed.names.length === 0);
  });
});

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
