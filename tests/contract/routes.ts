import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runtimeOf, type Target, TestAgent } from "../support/agent.ts";
import { Raw } from "../support/raw.ts";
import { until } from "../support/until.ts";

interface ProblemBody {
  type: string;
  title: string;
  status: number;
  state: string;
  errors?: { path: string; expected: string }[];
}

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

    async function refused(
      method: string,
      path: string,
      body: string,
      status: number,
      type: string,
      headers: Record<string, string> = {},
    ): Promise<ProblemBody> {
      const reply = await agent.ask(method, path, body, headers);
      assert.equal(reply.status, status, reply.body);
      assert.equal(
        reply.headers.get("content-type"),
        "application/problem+json",
      );
      assert.equal(reply.headers.get("cache-control"), "no-store");
      const problem = reply.json<ProblemBody>();
      assert.equal(problem.type, `urn:lull:problem:${type}`);
      assert.equal(problem.status, status);
      assert.equal(problem.state, "running");
      assert.ok(problem.title.length > 0);
      // Bad input loses nothing: the agent is as before.
      assert.equal((await agent.status()).state, "running");
      return problem;
    }

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
        post.parameters.map((p: { name: string }) => p.name).sort(),
        Object.keys(fields.properties).sort(),
      );
      assert.ok(post.responses["503"]);
    });

    test("an unknown route is 404", async () => {
      await refused("GET", "/nowhere", "", 404, "not-found");
      await refused("POST", "/", "", 404, "not-found");
    });

    test("a wrong method is 405 and says which are right", async () => {
      await refused("GET", "/snapshot/prepare", "", 405, "method-not-allowed");
      await refused("POST", "/health", "", 405, "method-not-allowed");
      const reply = await agent.ask("DELETE", "/snapshot/recover");
      assert.equal(reply.headers.get("allow"), "POST");
    });

    test("a wrong value is 400, with its path and what was expected", async () => {
      for (
        const [path, body, field, expected] of [
          ["?lease=-1", "", "lease", "more than 0 seconds"],
          ["?lease=soon", "", "lease", "a number of seconds"],
          ["?lease=86401", "", "lease", "at most 86400 seconds"],
          ["", '{"lease":-1}', "lease", "more than 0 seconds"],
          ["", '{"lease":"5"}', "lease", "a number of seconds"],
          ["", '{"wait":true}', "wait", "the word settled"],
          ["", '{"operation":"a b"}', "operation", "1 to 64 of"],
          ["", "[]", "", "a JSON object"],
          ["", "7", "", "a JSON object"],
          ["", "null", "", "a JSON object"],
          ["", '[{"lease":5}]', "", "a JSON object"],
          ["", '{"leese":5}', "", "no fields but wait, lease, operation"],
          ["?leese=5", "", "", "no fields but wait, lease, operation"],
          ["?lease=5&lease=6", "", "", "each query parameter once"],
          ["", "garbage", "", "JSON"],
          ["", " ", "", "JSON"],
        ]
      ) {
        const problem = await refused(
          "POST",
          `/snapshot/prepare${path}`,
          body,
          400,
          "invalid-input",
        );
        assert.equal(problem.errors?.[0].path, field, path + body);
        assert.ok(
          problem.errors?.[0].expected.startsWith(expected),
          `${path}${body}: ${problem.errors?.[0].expected}`,
        );
      }
      const { errors } = await refused(
        "POST",
        "/snapshot/recover",
        '{"outcome":"expired"}',
        400,
        "invalid-input",
      );
      assert.equal(errors?.[0].path, "outcome");
    });

    test("a wrong field of the network is named by its path", async () => {
      for (
        const [network, path, expected] of [
          [{ mtu: 1500 }, "network", "no fields but interface, address,"],
          [{ hostname: "a", mtu: 1500 }, "network", "no fields but interface,"],
          [[], "network", "a JSON object"],
          [[{ hostname: "a" }], "network", "a JSON object"],
          [5, "network", "a JSON object"],
          [null, "network", "a JSON object"],
          ["a", "network", "a JSON object"],
          [{ dns: ["one"] }, "network.dns.0", "an IP address"],
          [{ dns: ["::1", 5] }, "network.dns.1", "an IP address"],
          [{ dns: ["::1", ["::1"]] }, "network.dns.1", "an IP address"],
          [{ dns: {} }, "network.dns", "1 to 3 servers"],
          [{ hostname: ["a"] }, "network.hostname", "a host name"],
          [{ mac: {} }, "network.mac", "the address of one station"],
        ] as const
      ) {
        const body = JSON.stringify({ network });
        const { errors } = await refused(
          "POST",
          "/snapshot/recover",
          body,
          400,
          "invalid-input",
        );
        assert.equal(errors?.length, 1, body);
        assert.equal(errors[0].path, path, body);
        assert.ok(
          errors[0].expected.startsWith(expected),
          `${body}: ${errors[0].expected}`,
        );
      }
    });

    test("a number in the query may be written as JSON writes it", async () => {
      for (const lease of ["5", "5.0", "5e2", "5E%2B2", "86400", "30e-1"]) {
        const path = `/snapshot/prepare?wait=settled&lease=${lease}`;
        const reply = await agent.ask("POST", path);
        assert.equal(reply.status, 200, lease);
        await agent.ask("POST", "/snapshot/recover");
      }
    });

    test("a body that does not end is 408, in one piece or in chunks", {
      timeout: 60_000,
    }, async () => {
      const slow = async (headers: Record<string, string>, begin: string) => {
        const raw = await Raw.open(agent.port);
        raw.request("POST", "/snapshot/prepare", "", headers);
        raw.send(begin);
        const reply = await raw.response();
        raw.destroy();
        return reply.status;
      };
      const statuses = await Promise.all([
        slow({ "content-length": "9" }, "{"),
        slow({ "transfer-encoding": "chunked" }, "1\r\n{\r\n"),
      ]);
      assert.deepEqual(statuses, [408, 408]);
      assert.equal((await agent.status()).state, "running");
    });

    test("a reply never repeats what the caller sent", async () => {
      const marker = "s3cr3t";
      for (
        const body of [
          `{"operation":"${marker} "}`,
          `{"${marker}":1}`,
          marker,
          `{"lease":"${marker}"}`,
        ]
      ) {
        const reply = await agent.ask("POST", "/snapshot/prepare", body);
        assert.equal(reply.status, 400);
        assert.ok(!reply.body.includes(marker), reply.body);
      }
      const nested = await agent.ask(
        "POST",
        "/snapshot/recover",
        `{"network":{"${marker}":{"${marker}":1}}}`,
      );
      assert.equal(nested.status, 400);
      assert.ok(!nested.body.includes(marker), nested.body);
    });

    test("a body over 64 KiB is 413, with its length named or not", async () => {
      const path = "/snapshot/prepare";
      const big = "x".repeat(2 ** 20);
      await refused("POST", path, big, 413, "body-too-large");
      const raw = await Raw.open(agent.port);
      raw.request("POST", path, "", { "transfer-encoding": "chunked" });
      raw.send(
        `${(2 ** 17).toString(16)}\r\n${"x".repeat(2 ** 17)}\r\n0\r\n\r\n`,
      );
      assert.equal((await raw.response()).status, 413);
      raw.destroy();
    });

    test("a body of exactly 64 KiB is read", async () => {
      const body = '{"lease":-1}'.padEnd(65_536);
      await refused("POST", "/snapshot/prepare", body, 400, "invalid-input");
    });
  });
}
