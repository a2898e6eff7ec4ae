import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import type { Bindings } from "../../../src/connections/exchange.ts";
import { Exchange } from "../../../src/connections/exchange.ts";
import type { DialectContext } from "../../../src/dialects/dialect.ts";
import { e2bRoute } from "../../../src/dialects/e2b/route.ts";
import { AccessToken } from "../../../src/dialects/e2b/token.ts";
import { Ending, OtherKind } from "../../../src/lifecycle/errors.ts";

/** The reply to a call whose handler throws this error, and what was logged. */
async function replyTo(error: Error) {
  const logged: string[] = [];
  const context = {
    guard: { refusalOfDialect: () => undefined },
    log: { error: (message: string) => logged.push(message) },
  } as unknown as DialectContext;
  const { method, path, handler } = e2bRoute(
    ...[context, new AccessToken(() => Promise.resolve(undefined))] as const,
    {
      ...{ method: "POST", path: "/fsfreeze" },
      handler: () => Promise.reject(error),
    },
  );
  const app = new Hono<{ Bindings: Bindings }>();
  app.on(method, path, handler);
  const request = new Request(`http://lull${path}`, { method });
  const exchange = new Exchange(undefined);
  const reply = await app.fetch(request, { exchange });
  return { status: reply.status, ...await reply.json(), logged };
}

test("another host's prepare in between is an error that says so, and no fault of the agent", async () => {
  assert.deepEqual(await replyTo(new OtherKind()), {
    ...{ status: 500, code: 500, logged: [] },
    message: new OtherKind().message,
  });
});

test("the end of the agent is 503", async () => {
  const { status, message } = await replyTo(new Ending());
  assert.deepEqual([status, message], [503, new Ending().message]);
});

test("an error of the agent is not repeated, and is logged", async () => {
  const { status, message, logged } = await replyTo(new Error("a secret"));
  assert.equal(status, 500);
  assert.doesNotMatch(message, /secret/);
  assert.deepEqual(logged, ["request failed"]);
});
