import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { repairOwed } from "../../src/hooks/owed_repair.ts";
import { Journal } from "../../src/lifecycle/journal.ts";
import {
  type LeftEntry,
  repairAfterCrash,
  type Repairer,
} from "../../src/lifecycle/repair_after_crash.ts";
import { NotUndone } from "../../src/lifecycle/not_undone.ts";
import { thawWorkload } from "../../src/steps/frozen_workload.ts";
import { owedThaws, SILENT, temporary } from "../support/hooks.ts";
import { makeUnremovable } from "../support/unremovable.ts";

const directory = temporary();
after(directory.remove);
let count = 0;
const fresh = () => join(directory.path, `journal-${count++}`);

/** Repairers that note what they were given. */
function noting() {
  const seen: unknown[] = [];
  const note = (kind: string) => (change: unknown) => {
    seen.push([kind, change]);
    return { done: kind };
  };
  return { seen, repairers: { a: note("a"), b: note("b") } };
}

describe("after a crash", () => {
  test("a kind may have dashes, as the name of a step may", async () => {
    const path = fresh();
    new Journal(path).record("two-words", { n: 1 });
    const changes: unknown[] = [];
    const repaired = await repairAfterCrash(path, {
      "two-words": (change) => {
        changes.push(change);
        return {};
      },
    });
    assert.deepEqual(repaired.map(({ kind, status }) => `${kind} ${status}`), [
      "two-words repaired",
    ]);
    assert.deepEqual(changes, [{ n: 1 }]);
    assert.deepEqual(readdirSync(path), []);
  });

  test("all is taken back, the last change first, and once", async () => {
    const path = fresh();
    const journal = new Journal(path);
    journal.record("a", { n: 1 });
    journal.record("b", { n: 2 });
    journal.record("a", { n: 3 });
    const { seen, repairers } = noting();
    const repaired = await repairAfterCrash(path, repairers);
    assert.deepEqual(seen, [["a", { n: 3 }], ["b", { n: 2 }], ["a", { n: 1 }]]);
    assert.deepEqual(
      repaired.map(({ kind, status, effect }) => [kind, status, effect]),
      [
        ["a", "repaired", { done: "a" }],
        ["b", "repaired", { done: "b" }],
        ["a", "repaired", { done: "a" }],
      ],
    );
    assert.deepEqual(await repairAfterCrash(path, repairers), []);
  });

  test("what fails is told, stays, and stops nothing", async () => {
    const path = fresh();
    const journal = new Journal(path);
    journal.record("a", {});
    journal.record("b", {});
    let broken = true;
    const repairers = {
      a: () => ({}),
      b: () => {
        if (broken) throw new Error("no such device");
        return {};
      },
    };
    const [b, a] = await repairAfterCrash(path, repairers);
    assert.deepEqual([b.status, b.reason], ["failed", "no such device"]);
    assert.equal(a.status, "repaired");
    broken = false;
    const [again] = await repairAfterCrash(path, repairers);
    assert.deepEqual([again.kind, again.status], ["b", "repaired"]);
  });

  test("what is left of a change stays, and its report is told later", async () => {
    const path = fresh();
    const journal = new Journal(path);
    journal.record("a", { of: [1, 2] });
    journal.record("b", { of: [3, 4] });
    let entry: LeftEntry | undefined;
    const repairers: Record<string, Repairer> = {
      a() {
        throw new NotUndone("2 is stuck", { left: { of: [2] }, effect: {} });
      },
      b(_, left) {
        entry = left;
        throw new NotUndone("4 does not answer", {
          left: { of: [4] },
          effect: { called: [3, 4] },
          owed: ["4"],
        });
      },
    };
    const [b, a] = await repairAfterCrash(path, repairers);
    assert.deepEqual([a.status, a.reason], ["failed", "2 is stuck"]);
    assert.deepEqual([b.status, b.owed], ["owed", ["4"]]);
    const texts = () =>
      readdirSync(path).sort().map((name) =>
        readFileSync(join(path, name), "utf8")
      );
    assert.deepEqual(texts(), ['{"of":[2]}', '{"of":[4]}']);
    entry!.tell({ status: "repaired", owed: undefined });
    entry!.erase();
    assert.deepEqual([b.status, b.owed], ["repaired", undefined]);
    assert.deepEqual(texts(), ['{"of":[2]}']);
  });

  test("a change that makes no sense is set aside, not repaired", async () => {
    const path = fresh();
    new Journal(path).record("workload", { cgroups: "all" });
    new Journal(path).record("hooks", { started: 1 });
    const repaired = await repairAfterCrash(path, {
      workload: thawWorkload(100),
      hooks: repairOwed({
        hooks: () => [],
        limitMs: 100,
        ...{ owed: owedThaws(), log: SILENT },
      }),
    });
    assert.deepEqual(repaired.map(({ status }) => status), [
      "corrupt",
      "corrupt",
    ]);
    assert.match(repaired[1].reason!, /: its cgroups must be Array$/);
    assert.deepEqual(readdirSync(path).sort(), [
      "00000001-workload.json.corrupt",
      "00000002-hooks.json.corrupt",
    ]);
  });

  test("what cannot be read is set aside", async () => {
    const path = fresh();
    const journal = new Journal(path);
    journal.record("unknown", {});
    for (const [i, text] of ['{"cut', "[]", "null", ""].entries()) {
      writeFileSync(join(path, `0000010${i}-a.json`), text);
    }
    // half-written and foreign files are no entries
    writeFileSync(join(path, "00000200-a.json.new"), '{"half');
    writeFileSync(join(path, "notes.txt"), "");
    const { seen, repairers } = noting();
    const repaired = await repairAfterCrash(path, repairers);
    assert.deepEqual(repaired.map(({ status }) => status), [
      "corrupt",
      "corrupt",
      "corrupt",
      "corrupt",
      "corrupt",
    ]);
    assert.match(repaired[0].reason!, /^Cannot read .*: it is not a JSON obj/);
    assert.match(
      repaired[4].reason!,
      /no repairer for changes of kind unknown$/,
    );
    assert.deepEqual(seen, []);
    assert.ok(existsSync(join(path, "00000100-a.json.corrupt")));
    new Journal(path).record("a", {}).erase();
    assert.ok(!existsSync(join(path, "00000200-a.json.new")));
    assert.ok(existsSync(join(path, "notes.txt")));
    assert.deepEqual(await repairAfterCrash(path, repairers), []);
  });

  test("no directory is no journal, a file in its place is told", async () => {
    assert.deepEqual(await repairAfterCrash(fresh(), {}), []);
    const path = fresh();
    writeFileSync(path, "");
    const [only] = await repairAfterCrash(path, {});
    assert.deepEqual([only.kind, only.status], ["journal", "failed"]);
    assert.match(only.reason!, /ENOTDIR/);
  });

  test("a repair whose record stays is a repair, and says so", async () => {
    const path = fresh();
    new Journal(path).record("a", {});
    const [name] = readdirSync(path);
    const [report] = await repairAfterCrash(path, {
      a() {
        makeUnremovable(join(path, name));
        return { done: true };
      },
    });
    assert.equal(report.status, "repaired");
    assert.deepEqual(report.effect, { done: true });
    assert.match(report.reason ?? "", /^Cannot remove /);
  });
});
