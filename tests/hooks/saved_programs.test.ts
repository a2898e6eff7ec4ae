import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { HookRegistry } from "../../src/hooks/registry.ts";
import { SavedPrograms } from "../../src/hooks/saved_programs.ts";
import { temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);
let count = 0;

/** A runtime directory, and the agents that follow each other in it. */
function fresh() {
  const path = join(directory.path, `run-${count++}`);
  const errors: unknown[] = [];
  let running = true;
  return {
    path,
    file: join(path, "hooks.json"),
    errors,
    quiesce: (quiesced: boolean) => void (running = !quiesced),
    agent: (fixed: unknown[] = []) =>
      new HookRegistry({
        limitMs: 5000,
        fixed,
        newId: () => "id",
        saved: new SavedPrograms(path),
        mayWrite: () => running,
        onError: (error) => errors.push(error),
      }),
  };
}

const entry = (name: string) =>
  ({ name, url: "http://127.0.0.1:1/x", policy: "abort" }) as const;

describe("programs that have registered for requests", () => {
  test("are known to the next agent, and only root may read of them", () => {
    const { path, file, agent } = fresh();
    const first = agent();
    assert.equal(
      existsSync(path),
      false,
      "nothing is made before it is needed",
    );
    first.register({ ...entry("db"), limitMs: 50 });
    first.register(entry("app"));
    first.open({ name: "reader", policy: "abort" }, () => {});
    assert.ok(first.kept);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(existsSync(`${file}.new`), false);
    const second = agent();
    assert.deepEqual(
      second.list().map(({ name, limitMs }) => [name, limitMs]),
      [["db", 50], ["app", 5000]],
    );
    second.remove("db");
    assert.deepEqual(agent().list().map(({ name }) => name), ["app"]);
  });

  test("are written once the guest runs, not while it is quiesced", () => {
    const { file, agent, quiesce } = fresh();
    const registry = agent();
    quiesce(true);
    assert.equal(registry.register(entry("db")), "created");
    assert.equal(registry.list().length, 1, "it takes part at once");
    assert.deepEqual([registry.kept, existsSync(file)], [false, false]);
    registry.save();
    assert.deepEqual([registry.kept, existsSync(file)], [true, true]);
  });

  test("give way to those of the configuration", () => {
    const { agent } = fresh();
    agent().register(entry("db"));
    const [db, ...others] = agent([entry("db")]).list();
    assert.deepEqual([db.source, others], ["config", []]);
  });

  test("of another boot do not take part: they have ended with it", () => {
    const { file, agent } = fresh();
    agent().register(entry("db"));
    const document = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...document, boot: "another" }));
    assert.deepEqual(agent().list(), []);
  });

  test("a file that is not of this form is told, and replaced", () => {
    const { file, agent, errors } = fresh();
    agent().register(entry("db"));
    for (
      const text of ['{"cut', "[]", '{"boot":"x","hooks":[{"name":"/"}]}']
    ) {
      writeFileSync(file, text);
      const registry = agent();
      assert.deepEqual(registry.list(), []);
      assert.match(`${errors.pop()}`, /Cannot read .*: it is not a list of h/);
      registry.register(entry("db"));
      assert.equal(agent().list().length, 1);
    }
    assert.deepEqual(errors, []);
  });

  test("a directory that cannot be made is told; they take part", () => {
    const { path, agent, errors } = fresh();
    writeFileSync(path, "");
    const registry = agent();
    assert.equal(errors.length, 1, `${errors}`);
    assert.equal(registry.register(entry("db")), "created");
    assert.deepEqual([registry.kept, errors.length], [false, 2]);
    assert.equal(registry.list().length, 1);
  });
});
