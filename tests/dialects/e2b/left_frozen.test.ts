/**
 * A recovery that leaves something frozen: only 204 is success for E2B's host.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { type Bindings, Exchange } from "../../../src/connections/exchange.ts";
import type { DialectContext } from "../../../src/dialects/dialect.ts";
import { e2bDialect } from "../../../src/dialects/e2b/dialect.ts";

/** The reply to a call whose recovery could not undo this step. */
async function replyTo(path: string, step: string): Promise<Response> {
  const recovery = {
    steps: [{ name: step, status: "failed", ms: 1, reason: "no answer" }],
  };
  const context = {
    lifecycle: {
      state: "quiesced",
      operation: {
        reports: [{ name: "freeze-mounts", status: "done", ms: 1 }],
      },
      recover: () => Promise.resolve({ recovery, notApplied: [] }),
    },
    guard: { refusalOfDialect: () => undefined },
    config: { e2bMetadata: "", runtimeDirectory: "/nowhere" },
    log: { error() {}, warn() {} },
  } as unknown as DialectContext;
  const app = new Hono<{ Bindings: Bindings }>();
  for (const { method, path, handler } of e2bDialect(context).routes ?? []) {
    app.on(method, path, handler);
  }
  const request = new Request(`http://lull${path}`, { method: "POST" });
  return await app.fetch(request, { exchange: new Exchange(undefined) });
}

for (const path of ["/init", "/unfreeze", "/fsthaw"]) {
  for (const step of ["workload", "freeze-mounts"]) {
    test(`POST ${path} is no success if ${step} stays frozen`, async () => {
      const reply = await replyTo(path, step);
      assert.equal(reply.status, 500);
      const { message } = await reply.json();
      assert.equal(message, `Cannot undo ${step}: no answer`);
    });
  }
}
