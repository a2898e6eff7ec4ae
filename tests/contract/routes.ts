import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runtimeOf, type Target, TestAgent } from "../support/agent.ts";
import { refused } from "./refused.ts";
import { until } from "../support/until.ts";

/** Routes, their replies and their errors. */
export function routes(target: Target): void {
  describe(`routes on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target);
    });
    after(async () => {
      await agent?.stop();
    });

    test("health gives version, state and generation, not to be stored", async () => {
      const reply = await agent.health();
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get("cache-control"), "no-store");
      assert.match(
        reply.headers.get("content-type") ?? "",
        /application\/json/,
      );
      const health = reply.json<Record<string, unknown>>();
      assert.match(String(health.version), /^\d+\.\d+\.\d+$/);
      assert.equal(health.state, "running");
      assert.equal(health.generation, 0);
    });

    test("a health check is the same with a given id and with a query", async () => {
      const plain = await agent.health();
      const routed = await agent.ask("GET", "/health", "", {
        "x-request-id": "host-6",
      });
      const queried = await agent.ask("GET", "/health?again");
      for (const other of [routed, queried]) {
        assert.equal(other.status, plain.status);
        assert.equal(other.body, plain.body);
        for (const name of ["content-type", "cache-control"]) {
          assert.equal(other.headers.get(name), plain.headers.get(name));
        }
      }
      assert.equal((await agent.ask("GET", "/health/health")).status, 404);
      assert.equal((await agent.ask("GET", "//health")).status, 404);
    });

    test("every reply carries a request id, a given one is kept", async () => {
      const made = (await agent.health()).headers.get("x-request-id");
      assert.match(made ?? "", /^[0-9a-f]{32}$/);
      const given = await agent.ask("GET", "/health", "", {
        "x-request-id": "host-7",
      });
      assert.equal(given.headers.get("x-request-id"), "host-7");
      await agent.ask("POST", "/snapshot/recover", "", {
        "x-request-id": "host-8",
      });
      const line = await until(
        "its line",
        () => agent.lines().find(({ request }) => request === "host-8"),
      );
      assert.equal(line.path, "/snapshot/recover");
    });

    test("the status document reads without changing anything", async () => {
      const first = await agent.status();
      assert.equal(first.state, "running");
      assert.equal(first.settled, false);
      assert.equal(first.keepAlive, true);
      assert.equal(first.lease.left, 0);
      assert.equal(first.runtime.name, runtimeOf(target));
      // Other programs on this machine listen and end meanwhile.
      const { ports: _, ...rest } = first;
      const { ports: __, ...again } = await agent.status();
      assert.deepEqual(again, rest);
    });

    test("recover with nothing to recover says so", async () => {
      const reply = await agent.ask("POST", "/snapshot/recover");
      assert.equal(reply.status, 200);
      assert.deepEqual(reply.json(), { recovered: false });
    });

    test("metrics are OpenMetrics text and count", async () => {
      const read = async () => {
        const { headers, body } = await agent.ask("GET", "/metrics");
        assert.match(headers.get("content-type") ?? "", /openmetrics-text/);
        assert.ok(body.endsWith("# EOF\n"));
        return Number(body.match(/^lull_requests_total (\d+)$/m)?.[1]);
      };
      const before = await read();
      await agent.health();
      assert.equal(await read(), before + 2);
    });

    test("the OpenAPI document names every route, field and limit", async () => {
      // deno-lint-ignore no-explicit-any
      const document = (await agent.ask("GET", "/openapi.json")).json<any>();
      assert.equal(document.openapi, "3.1.0");
      assert.deepEqual(Object.keys(document.paths).sort(), [
        "/health",
        "/metrics",
        "/openapi.json",
        "/ports",
        "/snapshot",
        "/snapshot/events",
        "/snapshot/prepare",
        "/snapshot/recover",
      ]);
      const { post } = document.paths["/snapshot/prepare"];
      const fields = post.requestBody.content["application/json"].schema;
      assert.equal(fields.additionalProperties, false);
      assert.equal(fields.properties.lease.maximum, 86_400);
      assert.deepEqual(
        post.parameters.filter((p: { in: string }) => p.in === "query")
          .map((p: { name: string }) => p.name).sort(),
        Object.keys(fields.properties).sort(),
      );
      for (const path of ["/snapshot/prepare", "/snapshot/recover"]) {
        const { parameters } = document.paths[path].post;
        assert.deepEqual(
          parameters.filter((p: { in: string }) => p.in === "header")
            .map((p: { name: string }) => p.name),
          ["traceparent", "X-Request-Id"],
        );
      }
      assert.ok(post.responses["503"]);
    });

    test("an unknown route is 404", async () => {
      await refused(agent, "GET", "/nowhere", "", 404, "not-found");
      await refused(agent, "POST", "/", "", 404, "not-found");
    });

    test("a wrong method is 405 and says which are right", async () => {
      await refused(
        agent,
        "GET",
        "/snapshot/prepare",
        "",
        405,
        "method-not-allowed",
      );
      await refused(agent, "POST", "/health", "", 405, "method-not-allowed");
      const reply = await agent.ask("DELETE", "/snapshot/recover");
      assert.equal(reply.headers.get("allow"), "POST");
    });
  });
}
