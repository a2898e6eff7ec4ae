import assert from "node:assert/strict";
import nodeOs from "node:os";
import process from "node:process";
import { test } from "node:test";
import { notDeno } from "./parity.ts";

const skip = notDeno;

test("the process is that of node:process", { skip }, async () => {
  const { default: own } = await import(
    "../../../../src/runtime/deno/node/process.ts"
  );
  assert.equal(own.pid, process.pid);
  assert.equal(own.arch, process.arch);
  assert.equal(own.execPath, process.execPath);
  assert.equal(own.getuid(), process.getuid!());
  assert.deepEqual(own.argv.slice(2), process.argv.slice(2));
  assert.deepEqual({ ...own.env }, { ...process.env });
  assert.equal(own.env.PATH, process.env.PATH);
  assert.equal(own.env.LULL_MISSING, undefined);
  assert.equal("LULL_MISSING" in own.env, false);
  process.env.LULL_GIVEN = "1";
  assert.equal(own.env.LULL_GIVEN, "1");
  delete own.env.LULL_GIVEN;
  assert.equal(process.env.LULL_GIVEN, undefined);
  const before = own.umask(0o27);
  assert.equal(process.umask(before), 0o27);
  assert.equal(own.memoryUsage().heapTotal > 0, true);
  assert.equal(own.getBuiltinModule("node:os"), nodeOs);
});

test("a signal calls back until it is turned off", { skip }, async () => {
  const { default: own } = await import(
    "../../../../src/runtime/deno/node/process.ts"
  );
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => {
    calls++;
    resolve();
  };
  own.on("SIGUSR2", listener);
  // A listener does not keep the event loop alive.
  const alive = setInterval(() => {}, 1000);
  own.kill(own.pid, "SIGUSR2");
  await promise;
  clearInterval(alive);
  own.off("SIGUSR2", listener);
  assert.equal(calls, 1);
});

test("a file is opened for writing on the pool", { skip }, async () => {
  const { default: own } = await import(
    "../../../../src/runtime/deno/node/process.ts"
  );
  const { open, stat } = own.getBuiltinModule(
    "node:fs/promises",
  ) as typeof import("node:fs/promises");
  const file = await open("/dev/full", 1);
  await assert.rejects(file.write("1"), { code: "ENOSPC" });
  await file.close();
  await assert.rejects(open("/nowhere/file", 1), { code: "ENOENT" });
  assert.ok((await stat("/dev/full")).isCharacterDevice());
});

test("names and addresses are those of node:os", { skip }, async () => {
  const own = await import("../../../../src/runtime/deno/node/os.ts");
  assert.equal(own.hostname(), nodeOs.hostname());
  assert.deepEqual(own.networkInterfaces(), nodeOs.networkInterfaces());
  for (const name of ["EPIPE", "ECONNRESET", "ENOTCONN"] as const) {
    assert.equal(own.constants.errno[name], nodeOs.constants.errno[name]);
  }
});
