/**
 * Random calls of the dialects: each gets a reply of its contract, and repeats nothing of the caller.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { Exchange } from "../../src/connections/exchange.ts";
import type { DialectContext } from "../../src/dialects/dialect.ts";
import { loadDialects } from "../../src/dialects/load.ts";
import { createApp } from "../../src/http/app.ts";
import { Metrics } from "../../src/http/metrics.ts";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { serve } from "../config/parsing.ts";
import { fakePlan } from "../support/fake_plan.ts";
import { temporary } from "../support/hooks.ts";
import { anyText, jsonWith } from "./arbitraries.ts";

const directory = temporary();
after(directory.remove);

const MARKER = "s3cr3t";

/** The app with the routes of one dialect, on a lifecycle of fakes. */
async function appOf(dialect: string) {
  const errors: unknown[] = [];
  let id = 0;
  const { plan } = fakePlan([{ name: "a" }], [{ name: "b" }]);
  const lifecycle = new Lifecycle({
    ...{ plan, leaseSeconds: 600 },
    newId: () => `op-${++id}`,
  });
  const nothing = () => {};
  const agent = {
    lifecycle,
    runtime: { name: "bun", version: "0" },
    tracker: {
      keepAlive: true,
      beginStream: () => Promise.resolve(undefined),
    },
    metrics: new Metrics(),
    newId: () => "id",
    repaired: [],
    log: {
      ...{ debug: nothing, info: nothing, warn: nothing },
      error: (_: string, fields?: Record<string, unknown>) =>
        void errors.push(fields?.error),
    },
    bodyLimitBytes: 4096,
    tokenNeeded: false,
    guard: {
      refusal: () => undefined,
      refusalOfDialect: () => undefined,
      mayRecoverByHealth: () => true,
      mayReadMemory: () => false,
    },
    healthMayRecover: () => true,
  } as const;
  const context = {
    ...agent,
    config: serve([
      `--runtime-directory=${directory.path}`,
      "--e2b-metadata=",
    ]),
    ...{ libc: {}, onError: nothing },
  } as unknown as DialectContext;
  const { shared } = await loadDialects([dialect], context);
  return { app: createApp(agent, { dialects: shared }), lifecycle, errors };
}

const body = fc.oneof(
  anyText,
  jsonWith(
    ...["envVars", "defaultUser", "defaultWorkdir", "timestamp"],
    ...["volumeMounts", "caBundle", "__proto__", "hyperloopIP"],
  ).map((value) => JSON.stringify(value) ?? ""),
  fc.string({ maxLength: 10 }).map((text) =>
    JSON.stringify({ envVars: { [text + MARKER]: MARKER }, [MARKER]: 1 })
  ),
  fc.constantFrom("{", "[".repeat(3000), '{"a":'.repeat(500), " ".repeat(5000)),
);
const query = fc.oneof(
  fc.constant(""),
  fc.constantFrom("?maxWaitMs=1", "?mode=hierarchy", "?maxWaitMs=%ff", "?a&a"),
  fc.string().map((text) => `?${encodeURI(text.toWellFormed())}`),
);

for (
  const [dialect, ...paths] of [
    ["wrenn", "/init", "/metrics"],
    // Not /fsfreeze: the fakes have no step that freezes filesystems, and 500 says so.
    ["e2b", "/init", "/freeze", "/unfreeze", "/fsthaw", "/health"],
  ]
) {
  test(`whatever a host of ${dialect} sends, the reply is one of its contract`, async () => {
    const { app, lifecycle, errors } = await appOf(dialect);
    const method = fc.constantFrom("POST", "GET", "PUT", "HEAD");
    const path = fc.constantFrom(...paths);
    await fc.assert(
      fc.asyncProperty(
        fc.record({ method, path, query, body }),
        async ({ method, path, query, body }) => {
          const exchange = new Exchange(undefined);
          const bodiless = method === "GET" || method === "HEAD";
          const reply = await app.request(path + query, {
            method,
            body: bodiless ? undefined : body,
          }, { exchange });
          exchange.replied();
          assert.deepEqual(errors, []);
          assert.ok(
            [200, 204, 400, 404, 405, 409, 413].includes(reply.status),
            `${reply.status}`,
          );
          assert.ok(!(await reply.text()).includes(MARKER));
          for (const [, value] of reply.headers) {
            assert.ok(!value.includes(MARKER));
          }
          await lifecycle.recover({ trigger: "recover" });
          assert.equal(lifecycle.state, "running");
        },
      ),
      { numRuns: 300 },
    );
  });
}
