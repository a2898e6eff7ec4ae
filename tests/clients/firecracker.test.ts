import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimeName } from "../../src/runtime/mod.ts";
import { commandOf, TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { VsockDeviceStandIn } from "../support/vsock_device.ts";

const SCRIPT = fileURLToPath(new URL("./firecracker.sh", import.meta.url).href);

/** One agent stands for the machine and for its copy; a server stands for both Firecrackers. */
describe("the example for Firecracker", () => {
  const directory = temporary();
  const api = join(directory.path, "api");
  const vsock = join(directory.path, "vsock");
  const calls: string[] = [];
  /** The path of the call that Firecracker refuses. */
  let refuses = "";
  let agent: TestAgent;
  let device: VsockDeviceStandIn;
  let server: Server;
  before(async () => {
    agent = await TestAgent.start(runtimeName(), ["--no-reset-connections"]);
    device = await VsockDeviceStandIn.listen(vsock, 49983, agent.port);
    server = createServer((request, reply) => {
      let body = "";
      request.on("data", (part) => body += part);
      request.on("end", async () => {
        const { state } = await agent.status();
        calls.push(
          `${state} ${request.method} ${request.url} ${
            Object.values(JSON.parse(body))[0]
          }`,
        );
        reply.writeHead(request.url === refuses ? 400 : 204).end();
      });
    }).listen(api);
    await until("the API", () => server.listening);
  });
  after(async () => {
    server.close();
    await device[Symbol.asyncDispose]();
    await agent.stop();
    directory.remove();
  });

  async function run(): Promise<{ code: number; stderr: string }> {
    calls.length = 0;
    const address = `fc:${vsock}:49983`;
    const child = spawn("sh", [
      SCRIPT,
      ...[api, address, api, address, directory.path],
    ], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, LULL: commandOf(runtimeName()).join(" ") },
    });
    let stderr = "";
    child.stderr.on("data", (part) => stderr += part);
    const [code] = await once(child, "close");
    return { code, stderr };
  }

  test("snapshots a settled guest, and recovers the copy", async () => {
    const { generation } = await agent.status();
    const { code, stderr } = await run();
    assert.equal(code, 0, stderr);
    assert.deepEqual(calls, [
      "quiesced PATCH /vm Paused",
      "quiesced PUT /snapshot/create Full",
      `quiesced PUT /snapshot/load ${directory.path}/state`,
    ]);
    const { state, lastRecovery } = await agent.status();
    assert.equal(state, "running");
    assert.equal(lastRecovery.outcome, "restored");
    assert.equal(lastRecovery.generation, generation + 1);
  });

  test("lets the machine run again if there is no snapshot", async () => {
    refuses = "/snapshot/create";
    const { code, stderr } = await run();
    assert.equal(code, 1);
    assert.match(stderr, /no snapshot, the machine runs again\n$/);
    assert.equal(calls.at(-1), "quiesced PATCH /vm Resumed");
    const { state, lastRecovery } = await agent.status();
    assert.equal(state, "running");
    assert.equal(lastRecovery.outcome, "resumed");
  });
});
