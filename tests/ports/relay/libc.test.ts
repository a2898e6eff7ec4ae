import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeName } from "../../../src/runtime/name.ts";

test("a worker loads the C library once, for all ports", async () => {
  const { loadLibc } = runtimeName() === "bun"
    ? await import("../../../src/ports/relay/bun/listen.ts")
    : await import("../../../src/ports/relay/deno/listen.ts");
  assert.equal(loadLibc(), loadLibc());
});
