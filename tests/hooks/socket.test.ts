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
import { Raw } from "../support/raw.ts";
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

  test("answers a program that leaves in the middle of its body, and logs no error", async () => {
    const { serve } = await runtime;
    let begun = 0;
    const statuses: number[] = [];
    const errors: string[] = [];
    const path = join(directory, "left.sock");
    const socket = await listenForHooks({
      ...await options(path),
      log: { error: (message) => void errors.push(message) },
      runtime: {
        serve: ({ fetch, ...at }) =>
          serve({
            ...at,
            async fetch(request, peer) {
              begun++;
              const reply = await fetch(request, peer);
              statuses.push(reply.status);
              return reply;
            },
          }),
      },
    });
    try {
      const bodies = [
        'content-length: 99\r\n\r\n{"na',
        'transfer-encoding: chunked\r\n\r\n50\r\n{"na',
      ];
      for (const [i, body] of bodies.entries()) {
        const raw = await Raw.openPath(path);
        raw.send(`POST /hooks HTTP/1.1\r\nhost: lull\r\n${body}`);
        await until("the request", () => begun > i);
        raw.destroy();
        await until("its end", () => statuses.length > i);
      }
      assert.deepEqual(statuses, [400, 400]);
      assert.deepEqual(errors, []);
    } finally {
      socket.close();
    }
  });

  test("cannot be made where there is no directory", async () => {
    await assert.rejects(
      listenForHooks(await options(join(directory, "no/hooks.sock"))),
      /^Error: Cannot listen on .*: (ENOENT|EACCES|EINVAL)$/,
    );
  });
});
