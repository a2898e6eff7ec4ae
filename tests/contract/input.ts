import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { Raw } from "../support/raw.ts";
import { refused } from "./refused.ts";

/** The input of the routes: what is accepted, and how the rest is refused. */
export function input(target: Target): void {
  describe(`input on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target);
    });
    after(async () => {
      await agent?.stop();
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
          // Bytes that are no UTF-8.
          ["", '{"operation":"\xff"}', "", "JSON in UTF-8"],
          ["", '{"lease":5}\xc3', "", "JSON in UTF-8"],
          ["?operation=%FF", "", "operation", "1 to 64 of"],
          ["?kind=full%C3", "", "kind", "full, diff or disk"],
        ]
      ) {
        const problem = await refused(
          agent,
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
        agent,
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
          [{ vlan: 7 }, "network", "no fields but interface, address,"],
          [{ hostname: "a", vlan: 7 }, "network", "no fields but interface,"],
          [[], "network", "1 to 16 interfaces"],
          [[{ hostname: "a" }, 5], "network.1", "a JSON object"],
          [[{ hostname: "a b" }], "network.0.hostname", "a host name"],
          [{ mtu: 20 }, "network.mtu", "a number of bytes, from 68"],
          [{ mtu: 1500.5 }, "network.mtu", "a number of bytes, from 68"],
          [{ search: [] }, "network.search", "1 to 6 domains"],
          [{ address: ["10.0.2.15/24", "x"] }, "network.address.1", "the addr"],
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
          agent,
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
      await refused(agent, "POST", path, big, 413, "body-too-large");
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
      await refused(
        agent,
        "POST",
        "/snapshot/prepare",
        body,
        400,
        "invalid-input",
      );
    });
  });
}
