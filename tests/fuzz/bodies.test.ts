import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createApp } from "../../src/http/app.ts";
import { HookRegistry, MOST_PROGRAMS } from "../../src/hooks/registry.ts";
import { hooksApp } from "../../src/hooks/routes.ts";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { Exchange } from "../../src/connections/exchange.ts";
import { errorLog, fakeAgent } from "../support/fake_agent.ts";
import { fakePlan } from "../support/fake_plan.ts";
import { anyText, jsonWith } from "./arbitraries.ts";

/** The whole app on a lifecycle of fakes, without a socket. */
function start(errors: unknown[]) {
  const { plan } = fakePlan([{ name: "a" }], [{ name: "b" }]);
  let id = 0;
  const lifecycle = new Lifecycle({
    plan,
    leaseSeconds: 600,
    newId: () => `op-${++id}`,
  });
  const agent = fakeAgent(lifecycle, { log: errorLog(errors) });
  return { app: createApp(agent), lifecycle };
}

const MARKER = "s3cr3t";
const body = fc.oneof(
  anyText,
  fc.string({ maxLength: 10 }).map((text) => `{"${MARKER}":${text}`),
  jsonWith(
    ...["wait", "lease", "operation", "outcome", "hostTime", "entropy"],
    ...["requireEntropy", "hostname", "network", "__proto__"],
    ...["renew", "requireRenewed", "credentials", "env"],
  ).map((value) => JSON.stringify(value) ?? ""),
  fc.string({ maxLength: 10 }).map((text) =>
    JSON.stringify({ [MARKER + text]: MARKER })
  ),
  fc.constantFrom("{", "[".repeat(3000), '{"a":'.repeat(500), " ".repeat(5000)),
);
const query = fc.oneof(
  fc.constant(""),
  fc.dictionary(
    fc.oneof(fc.constantFrom("wait", "lease", "operation"), fc.string()),
    fc.string(),
    { maxKeys: 3 },
  ).map((values) => `?${new URLSearchParams(values)}`),
  fc.string().map((text) => `?${encodeURI(text.toWellFormed())}`),
  fc.constantFrom("?%", "?lease=%ff", "?a&a&a", "?lease=1e3", "?wait"),
);
/** The header that a message needs to have a body. */
const lengthOf = (body: string | Uint8Array) =>
  String(new Blob([body as BlobPart]).size);
const path = fc.oneof(
  fc.constantFrom("/snapshot/prepare", "/snapshot/recover"),
  fc.constantFrom("/health", "/snapshot", "/metrics", "/openapi.json", "/%"),
);

describe("a request", () => {
  test("whatever it says, it is answered as the document says", async () => {
    const errors: unknown[] = [];
    const { app, lifecycle } = start(errors);
    const request = fc.record({
      method: fc.constantFrom("POST", "GET", "PUT", "HEAD", "DELETE"),
      path,
      query,
      body,
      hostTime: fc.option(fc.string({ unit: "grapheme-ascii" })),
    });
    await fc.assert(
      fc.asyncProperty(
        request,
        async ({ method, path, query, body, hostTime }) => {
          const exchange = new Exchange(undefined);
          const bodiless = method === "GET" || method === "HEAD";
          const reply = await app.request(path + query, {
            method,
            body: bodiless ? undefined : body,
            headers: {
              ...!bodiless && { "content-length": lengthOf(body) },
              ...hostTime !== null && { "lull-host-time": hostTime },
            },
          }, { exchange });
          exchange.replied();
          assert.deepEqual(errors, []);
          assert.ok(
            [200, 204, 400, 404, 405, 409, 413, 503].includes(reply.status),
          );
          const text = await reply.text();
          assert.ok(!text.includes(MARKER));
          if (reply.status >= 400 && method !== "HEAD") {
            const type = reply.headers.get("content-type");
            assert.equal(type, "application/problem+json");
            assert.equal(JSON.parse(text).status, reply.status);
          }
          await lifecycle.recover({ trigger: "recover" });
          assert.equal(lifecycle.state, "running");
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the registration of hooks", () => {
  test("whatever programs say, the registry stays whole", async () => {
    const errors: unknown[] = [];
    const registry = new HookRegistry({ limitMs: 1000, newId: () => "id" });
    const app = hooksApp(registry, (error) => errors.push(error));
    const entry = jsonWith("name", "url", "limitMs", "policy").map((value) => {
      const isObject = typeof value === "object" && value !== null;
      return JSON.stringify(
        value === undefined
          ? null
          : isObject
          ? { name: "a", url: "http://127.0.0.1:80/", ...value }
          : value,
      );
    });
    const name = fc.oneof(
      fc.constantFrom("a", "b", "%", "..", "%00"),
      fc.string().map((text) => encodeURIComponent(text.toWellFormed())),
    );
    const call = fc.oneof(
      fc.tuple(
        fc.constant("POST"),
        fc.constant("/hooks"),
        fc.oneof(entry, anyText),
      ),
      fc.tuple(
        fc.constant("DELETE"),
        name.map((n) => `/hooks/${n}`),
        fc.constant(""),
      ),
      fc.tuple(
        fc.constant("POST"),
        name.map((n) => `/hooks/events/${n}/ack`),
        fc.oneof(
          jsonWith("error").map((v) => JSON.stringify(v) ?? ""),
          anyText,
        ),
      ),
      fc.tuple(
        fc.constant("GET"),
        name.map((n) => `/hooks/events?name=${n}&limitMs=5`),
        fc.constant(""),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
        const streams: (ReadableStream | null)[] = [];
        for (const [method, path, body] of calls) {
          const reply = await app.request(path, {
            method,
            ...method === "POST" && {
              body,
              headers: { "content-length": lengthOf(body) },
            },
          });
          assert.ok(reply.status < 500, `${method} ${path} ${reply.status}`);
          const type = reply.headers.get("content-type");
          if (type === "text/event-stream") streams.push(reply.body);
          else await reply.text();
        }
        assert.deepEqual(errors, []);
        const listed = registry.list();
        const names = new Set(listed.map(({ name }) => name));
        assert.equal(names.size, listed.length);
        assert.ok(listed.length <= MOST_PROGRAMS);
        assert.equal(registry.hooks().length, listed.length);
        for (const stream of streams) await stream?.cancel();
        assert.ok(registry.list().every(({ kind }) => kind === "request"));
      }),
      { numRuns: 200 },
    );
  });
});
