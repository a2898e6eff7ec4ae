import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { describe, test } from "node:test";
import { runtimeName } from "../../src/runtime/mod.ts";
import { commandOf, TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";

interface Result {
  readonly check: string;
  readonly holds: boolean;
  readonly reason?: string;
}

/** Runs the checks. Not in sync: a server of this process is checked, too. */
async function check(
  port: number,
  ...flags: string[]
): Promise<{ code: number; stdout: string }> {
  const [command, ...args] = [
    ...commandOf(runtimeName()),
    ...["conformance", `--url=http://127.0.0.1:${port}`, ...flags],
  ];
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: process.env,
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (part) => stdout += part);
  const [code] = await once(child, "close");
  return { code, stdout };
}

describe("the conformance checks", () => {
  test("hold for Lull, and leave its guest running", async () => {
    await using agent = await TestAgent.start(runtimeName(), [
      "--no-reset-connections",
    ]);
    const { code, stdout } = await check(agent.port);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\n\n19 of 19 checks hold\n$/);
    assert.doesNotMatch(stdout, /FAILS/);
    assert.equal((await agent.status()).state, "running");
  });

  test("say what another agent lacks, and the guest runs in the end", async () => {
    // As many agents of guests: it prepares, reports nothing, and knows no operation.
    let quiesced = false;
    const server = createServer((request, reply) => {
      request.resume();
      const { method, url = "" } = request;
      if (url.startsWith("/snapshot/prepare")) quiesced = true;
      if (url.startsWith("/snapshot/recover") || url === "/health") {
        quiesced = false;
      }
      reply.setHeader("cache-control", "no-store");
      if (url === "/health") {
        reply.end('{"version":"1","state":"running","generation":0}');
      } else if (url === "/snapshot" && method === "GET") {
        const state = quiesced ? "quiesced" : "running";
        reply.end(JSON.stringify({ state, settled: quiesced, generation: 0 }));
      } else if (url.startsWith("/snapshot/")) reply.writeHead(204).end();
      else reply.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await until("the server", () => server.listening);
    const { port } = server.address() as AddressInfo;
    const { code, stdout } = await check(port, "--json", "--timeout=20")
      .finally(() => {
        server.closeAllConnections();
        server.close();
      });
    assert.equal(code, 1);
    const results: Result[] = JSON.parse(stdout);
    const of = (part: string) =>
      results.find(({ check }) => check.includes(part))!;
    assert.deepEqual(
      results.filter(({ holds }) => holds).map(({ check }) => check),
      [
        of("health check: 200").check,
        of("has a status").check,
        of("settles").check,
      ],
    );
    assert.equal(
      of("prepares: 204").reason,
      'the header Lull-Operation is null, not "conformance"',
    );
    assert.match(of("OpenMetrics").reason!, /^the status is 404, not 200: /);
    assert.equal(
      of("lease of one second").reason,
      "it is not running after 10 s",
    );
    assert.equal(quiesced, false);
  });

  test("exit with 3 if there is no agent", async () => {
    const { code, stdout } = await check(1);
    assert.deepEqual({ code, stdout }, { code: 3, stdout: "" });
  });
});
