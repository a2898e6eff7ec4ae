import assert from "node:assert/strict";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Journal } from "../../src/lifecycle/journal.ts";
import { temporary } from "../support/hooks.ts";
import { makeUnremovable } from "../support/unremovable.ts";

const directory = temporary();
after(directory.remove);
let count = 0;
const fresh = () => join(directory.path, `journal-${count++}`);

describe("the journal", () => {
  test("has a change written down until it is erased", () => {
    const path = fresh();
    const journal = new Journal(path);
    const recorded = journal.record("a", { what: 1 });
    const [name] = readdirSync(path);
    const text = () => readFileSync(join(path, name), "utf8");
    assert.equal(text(), '{"what":1}');
    recorded.update({ what: 2 });
    assert.equal(text(), '{"what":2}');
    assert.equal(statSync(path).mode & 0o777, 0o700);
    recorded.erase();
    recorded.erase();
    recorded.update({ what: 3 });
    assert.deepEqual(readdirSync(path), []);
  });

  test("a next agent's entries do not overwrite those that are left", () => {
    const path = fresh();
    new Journal(path).record("a", { first: true });
    new Journal(path).record("a", { second: true });
    assert.equal(readdirSync(path).length, 2);
  });
});

describe("a journal whose directory changes", () => {
  test("makes the directory again, and asks before it does", () => {
    const path = fresh();
    let lost = 0;
    const journal = new Journal(path, { onLost: () => void lost++ });
    const first = journal.record("a", { n: 1 });
    rmSync(path, { recursive: true });
    journal.record("a", { n: 2 });
    assert.equal(lost, 1);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    // An older change does not remove the record of a newer one.
    first.erase();
    const [name, ...others] = readdirSync(path);
    assert.deepEqual(others, []);
    assert.equal(readFileSync(join(path, name), "utf8"), '{"n":2}');
  });

  test("records nothing if the directory belongs to another agent now", () => {
    const path = fresh();
    const journal = new Journal(path, {
      onLost() {
        throw new Error("another agent");
      },
    });
    journal.record("a", {}).erase();
    rmSync(path, { recursive: true });
    assert.throws(() => journal.record("a", {}), /another agent/);
    assert.equal(existsSync(path), false);
  });

  test("an entry that cannot be removed fails no undo, and is removed later", () => {
    const path = fresh();
    const errors: unknown[] = [];
    const journal = new Journal(path, { onError: (e) => errors.push(e) });
    const recorded = journal.record("a", {});
    const [name] = readdirSync(path);
    makeUnremovable(join(path, name));
    recorded.erase();
    assert.equal(errors.length, 1);
    rmSync(join(path, name), { recursive: true });
    writeFileSync(join(path, name), "{}");
    journal.record("b", {}).erase();
    assert.deepEqual(readdirSync(path), []);
  });
});
