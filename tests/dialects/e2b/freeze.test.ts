/**
 * POST /freeze, /unfreeze, /fsfreeze and /fsthaw of E2B, on a lifecycle whose steps fail.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { FakeStep } from "../../support/fake_plan.ts";
import { temporary } from "../../support/hooks.ts";
import { dialectApp } from "../dialect_app.ts";

const directory = temporary();
after(directory.remove);

/** A step whose undo fails. */
function stuck(name: string): FakeStep {
  return { name, undo: () => Promise.reject(new Error("EBUSY")) };
}

for (
  const [freeze, thaw, step] of [
    ["/freeze", "/unfreeze", "workload"],
    ["/freeze", "/init", "workload"],
    ["/fsfreeze", "/fsthaw", "freeze-mounts"],
  ]
) {
  test(`${thaw}: a thaw that fails is 500, and everything else is undone`, async () => {
    const undone: string[] = [];
    const note = (name: string): FakeStep => ({
      ...{ name, undo: () => void undone.push(name) },
    });
    const { ask, lifecycle } = await dialectApp("e2b", directory.path, [
      ...[note("hooks"), stuck(step), note("connections")],
    ]);
    assert.equal((await ask(freeze, { method: "POST" })).status, 204);
    const reply = await ask(thaw, { method: "POST" });
    assert.equal(reply.status, 500);
    assert.deepEqual(await reply.json(), {
      ...{ code: 500, message: `Cannot undo ${step}: EBUSY` },
    });
    assert.equal(lifecycle.state, "running");
    assert.deepEqual(undone, ["connections", "hooks"]);
  });
}

test("frozen filesystems are held for all of the lease", async () => {
  for (const [path, kind] of [["/fsfreeze", "disk"], ["/freeze", "full"]]) {
    const seen: unknown[] = [];
    const { ask, lifecycle } = await dialectApp("e2b", directory.path, [{
      name: "freeze-mounts",
      quiesce: ({ kind, freeze }) => void seen.push({ kind, freeze }),
    }]);
    assert.equal((await ask(path, { method: "POST" })).status, 204);
    assert.deepEqual(seen, [{ kind, freeze: { holdMs: 605_000 } }]);
    assert.ok(lifecycle.lease.left > 590 && lifecycle.lease.left <= 600);
  }
});

test("a step that fails the prepare is 500, and the guest runs", async () => {
  const { ask, lifecycle } = await dialectApp("e2b", directory.path, [{
    name: "hooks",
    quiesce: () => Promise.reject(new Error("the hook said no")),
  }]);
  for (const path of ["/freeze?maxWaitMs=5", "/fsfreeze"]) {
    const reply = await ask(path, { method: "POST" });
    assert.equal(reply.status, 500);
    assert.match((await reply.json()).message, /^Cannot prepare: /);
    assert.equal(lifecycle.state, "running");
  }
});

test("health is 204 while a freeze is under way, and its reply waits for nothing", async () => {
  const frozen = Promise.withResolvers<void>();
  const { ask, lifecycle } = await dialectApp("e2b", directory.path, [{
    name: "workload",
    quiesce: () => frozen.promise,
  }]);
  const reply = ask("/freeze", { method: "POST" });
  assert.equal((await ask("/health", { method: "GET" })).status, 204);
  assert.equal(lifecycle.state, "preparing");
  frozen.resolve();
  assert.equal((await reply).status, 204);
});

test("a freeze has the trace of its call", async () => {
  const { ask, lifecycle } = await dialectApp("e2b", directory.path);
  const id = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${id}-b7ad6b7169203331-01` };
  await ask("/freeze", { method: "POST", headers });
  assert.equal(lifecycle.operation?.call.trace?.report().traceId, id);
});
