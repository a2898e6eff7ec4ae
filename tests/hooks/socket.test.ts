import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { listenForHooks } from "../../src/hooks/socket.ts";
import { HookRegistry } from "../../src/hooks/registry.ts";
import { randomId } from "../../src/linux/random.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { until } from "../support/until.ts";
import { served } from "./asking.ts";

const { directory, path: socketPath } = served();

describe("the socket", () => {
  const runtime = loadRuntime();
  const options = async (path: string) => ({
    runtime: await runtime,
    path,
    registry: new HookRegistry({ limitMs: 1000, newId: randomId }),
    log: { error: (message: string) => assert.fail(message) },
  });

  test("is for its owner and group only", () => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  });

  test("is not taken from another agent", async () => {
    await assert.rejects(listenForHooks(await options(socketPath)), {
      message: `Cannot listen on unix:${socketPath}: EADDRINUSE`,
    });
  });

  test("replaces what a killed agent left, and nothing else", async () => {
    const path = join(directory, "stale.sock");
    const listen = `import { createServer } from "node:net";
      createServer().listen(process.argv.at(-1));`;
    const dead = spawn(
      process.execPath,
      "deno" in process.versions
        ? ["eval", listen, path]
        : ["-e", listen, path],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => dead.once("exit", resolve));
    try {
      await until("the socket file", () => existsSync(path));
    } finally {
      dead.kill("SIGKILL");
    }
    await ended;
    const socket = await listenForHooks(await options(path));
    await new Promise((resolve) => connect(path, () => resolve(undefined)));
    await socket.close();
    assert.ok(!existsSync(path));
    writeFileSync(path, "precious");
    await assert.rejects(
      listenForHooks(await options(path)),
      /and is no socket$/,
    );
  });

  test("cannot be made where there is no directory", async () => {
    await assert.rejects(
      listenForHooks(await options(join(directory, "no/hooks.sock"))),
      /^Error: Cannot listen on .*: (ENOENT|EACCES|EINVAL)$/,
    );
  });
});
