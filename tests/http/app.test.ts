import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Exchange } from "../../src/connections/exchange.ts";
import { createApp } from "../../src/http/app.ts";
import type { Refusal } from "../../src/http/guard.ts";
import { Metrics } from "../../src/http/metrics.ts";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { fakeAgent } from "../support/fake_agent.ts";
import { fakePlan, type FakeStep } from "../support/fake_plan.ts";

/** The app on a lifecycle of fake steps, without a socket. */
function start(steps: FakeStep[]) {
  let refusal: Refusal | undefined;
  let id = 0;
  const lifecycle = new Lifecycle({
    plan: fakePlan(steps).plan,
    leaseSeconds: 600,
    newId: () => `op-${++id}`,
  });
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const metrics = new Metrics();
  const agent = fakeAgent(lifecycle, {
    metrics,
    log: { debug: log, info: log, warn: log, error: log },
    guard: {
      refusal: ({ method }) => method === "POST" ? refusal : undefined,
      mayRecoverByHealth: () => true,
      mayReadMemory: () => false,
    },
  });
  const app = createApp(agent);
  return {
    app,
    lifecycle,
    lines,
    metrics,
    refuse: (why: Refusal) => void (refusal = why),
    async call(method: string, path: string, isSelfCall = false) {
      const request = new Request(`http://lull${path}`, { method });
      const exchange = new Exchange(undefined);
      const reply = await app.fetch(request, { exchange, isSelfCall });
      return {
        status: reply.status,
        operation: reply.headers.get("lull-operation"),
        id: reply.headers.get("x-request-id"),
      };
    },
  };
}

describe("the header that names the operation", () => {
  test("is in every reply of a route that names it, problems too", async () => {
    const { call } = start([{ name: "a" }]);
    const named = async (method: string, path: string) => {
      const { status, operation } = await call(method, path);
      return [status, operation];
    };
    assert.deepEqual(await named("GET", "/health"), [200, null]);
    assert.deepEqual(await named("POST", "/snapshot/prepare"), [204, "op-1"]);
    assert.deepEqual(await named("GET", "/snapshot"), [200, "op-1"]);
    assert.deepEqual(await named("POST", "/snapshot/prepare?x"), [400, "op-1"]);
    assert.deepEqual(await named("PUT", "/snapshot"), [405, "op-1"]);
    assert.deepEqual(
      await named("POST", "/snapshot/prepare?operation=other"),
      [409, "op-1"],
    );
    assert.deepEqual(await named("GET", "/health"), [200, "op-1"]);
    assert.deepEqual(await named("HEAD", "/health"), [200, "op-1"]);
    assert.deepEqual(await named("POST", "/snapshot/recover?x"), [400, "op-1"]);
    assert.deepEqual(await named("GET", "/metrics"), [200, null]);
    assert.deepEqual(await named("GET", "/missing"), [404, null]);
  });

  test("is in the reply to a refused call", async () => {
    const { call, refuse } = start([{ name: "a" }]);
    await call("POST", "/snapshot/prepare");
    refuse("token-needed");
    const { status, operation } = await call("POST", "/snapshot/recover");
    assert.deepEqual([status, operation], [401, "op-1"]);
  });

  test("names the prepare that failed, not the one that waited for its undo", async () => {
    const undoing = Promise.withResolvers<void>();
    const undone = Promise.withResolvers<void>();
    let fails = true;
    const { call } = start([
      {
        name: "a",
        undo() {
          undoing.resolve();
          return undone.promise;
        },
      },
      {
        name: "b",
        quiesce() {
          if (fails) throw new Error("no");
        },
      },
    ]);
    const failing = call("POST", "/snapshot/prepare?operation=first");
    await undoing.promise;
    fails = false;
    const waiting = call("POST", "/snapshot/prepare?operation=second");
    undone.resolve();
    const reply = await failing;
    assert.equal(reply.status, 503);
    assert.equal(reply.operation, "first");
    assert.equal((await waiting).operation, "second");
  });
});

test("what the agent asks itself is neither counted nor logged", async () => {
  const { call, lines, metrics } = start([{ name: "a" }]);
  const requests = () =>
    /lull_requests_total (\d+)/.exec(
      metrics.text({
        generation: 0,
        quiesced: false,
        resident: 0,
        runtime: "bun",
      }),
    )?.[1];
  assert.equal((await call("GET", "/health", true)).status, 200);
  assert.equal(requests(), "0");
  assert.deepEqual(lines, []);
  assert.equal((await call("GET", "/health")).status, 200);
  assert.equal(requests(), "1");
  assert.deepEqual(lines, ["request"]);
});

test("the host's time is as old as the call, also if the call waited before its route", async () => {
  const { lifecycle, app } = start([]);
  const seen: (number | undefined)[] = [];
  lifecycle.recover = (_, request = {}) => {
    seen.push(request.receivedAt);
    return Promise.resolve({ notApplied: [] });
  };
  // As a call that waited for the warm-up.
  const exchange = new Exchange(undefined, performance.now() - 300);
  const body = '{"hostTime":"2026-01-01T00:00:00Z"}';
  const recover = new Request("http://lull/snapshot/recover", {
    method: "POST",
    headers: { "content-length": String(body.length) },
    body,
  });
  const headers = { "lull-host-time": "2026-01-01T00:00:00Z" };
  const health = new Request("http://lull/health", { headers });
  for (const request of [recover, health]) {
    assert.equal((await app.fetch(request, { exchange })).status, 200);
  }
  assert.deepEqual(seen, [exchange.receivedAt, exchange.receivedAt]);
});
