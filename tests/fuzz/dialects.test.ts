/**
 * Random calls of the dialects: each gets a reply of its contract, and repeats nothing of the caller.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { dialectApp } from "../dialects/dialect_app.ts";
import { temporary } from "../support/hooks.ts";
import { anyText, jsonWith } from "./arbitraries.ts";

const directory = temporary();
after(directory.remove);

const MARKER = "s3cr3t";

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
    const { ask, lifecycle, errors } = await dialectApp(
      ...[dialect, directory.path] as const,
    );
    const method = fc.constantFrom("POST", "GET", "PUT", "HEAD");
    const path = fc.constantFrom(...paths);
    await fc.assert(
      fc.asyncProperty(
        fc.record({ method, path, query, body }),
        async ({ method, path, query, body }) => {
          const bodiless = method === "GET" || method === "HEAD";
          const reply = await ask(path + query, {
            method,
            body: bodiless ? undefined : body,
          });
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
