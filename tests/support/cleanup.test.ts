import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { owe } from "./cleanup.ts";
import { temporary } from "./hooks.ts";
import { commandFor } from "./namespace/mod.ts";
import { until } from "./until.ts";

describe("what a test has changed", () => {
  const directory = temporary();
  after(directory.remove);

  test("is taken back once, or told", () => {
    const path = join(directory.path, "change");
    writeFileSync(path, "");
    const debt = owe(`rm ${path}\n`);
    debt.settle();
    assert.ok(!existsSync(path));
    debt.settle();
    const other = owe("echo why >&2; exit 1\n");
    assert.throws(() => other.settle(), /Cannot take back: [\s\S]*why/);
  });

  test("is taken back in the reverse order if the run is killed", async () => {
    const [command, ...args] = commandFor(
      new URL("./owing.ts", import.meta.url),
    );
    const { signal } = spawnSync(command, [...args, directory.path]);
    assert.equal(signal, "SIGKILL");
    const order = join(directory.path, "order");
    await until(
      "both changes",
      () =>
        existsSync(order) && readFileSync(order, "utf8") === "second\nfirst\n",
    );
    assert.deepEqual(readdirSync(directory.path), ["order"]);
  });
});
