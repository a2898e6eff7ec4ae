/**
 * The variables that hosts send by dialects: what many calls leave together.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporary } from "../support/hooks.ts";
import { dialectApp } from "./dialect_app.ts";

for (const dialect of ["wrenn", "e2b"]) {
  test(`${dialect}: variables have a limit over all calls, and the former ones stay`, async () => {
    const directory = temporary();
    try {
      const { ask, lifecycle } = await dialectApp(dialect, directory.path);
      const init = (envVars: Record<string, string>) =>
        ask("/init", { method: "POST", body: JSON.stringify({ envVars }) });
      const text = () => readFileSync(join(directory.path, "env"), "utf8");
      const third = "x".repeat(40_000);
      for (const name of ["A", "B", "C"]) {
        assert.equal((await init({ [name]: third })).status, 204);
      }
      const before = text();
      await lifecycle.prepare({});
      const refused = await init({ D: third, E: "1" });
      assert.equal(refused.status, 400);
      assert.match(await refused.text(), /at most 120 KiB of variables/);
      assert.equal(text(), before);
      assert.equal(lifecycle.state, "running");
      // A shorter value makes room.
      assert.equal((await init({ A: "", D: third })).status, 204);
      assert.equal(text().length, before.length + 'D=""\n'.length);
    } finally {
      directory.remove();
    }
  });

  test(`${dialect}: variables that cannot be kept are named, and the guest runs`, async () => {
    const directory = temporary();
    try {
      mkdirSync(join(directory.path, "env")); // in the place of the file
      const { ask, lifecycle } = await dialectApp(dialect, directory.path);
      await lifecycle.prepare({});
      const body = JSON.stringify({ envVars: { A: "1" } });
      const reply = await ask("/init", { method: "POST", body });
      const named = dialect === "e2b"
        ? reply.headers.get("lull-not-applied")
        : (await reply.json()).fields.join();
      assert.deepEqual(
        [reply.status, named],
        [dialect === "e2b" ? 204 : 409, "envVars"],
      );
      assert.equal(lifecycle.state, "running");
    } finally {
      directory.remove();
    }
  });

  test(`${dialect}: bytes that are no UTF-8 are refused, and no variable changes`, async () => {
    const directory = temporary();
    try {
      const { ask } = await dialectApp(dialect, directory.path);
      const body = Uint8Array.from(
        '{"envVars":{"A":"\xff"}}',
        (char) => char.charCodeAt(0),
      );
      for (const chunked of [false, true]) {
        const { status } = await ask("/init", {
          method: "POST",
          headers: chunked
            ? { "transfer-encoding": "chunked" }
            : { "content-length": String(body.length) },
          body,
        });
        assert.equal(status, 400, `chunked: ${chunked}`);
      }
      assert.throws(() => readFileSync(join(directory.path, "env")), {
        code: "ENOENT",
      });
    } finally {
      directory.remove();
    }
  });
}
