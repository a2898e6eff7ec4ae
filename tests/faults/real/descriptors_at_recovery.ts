import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import {
  FORWARD_ADDRESS,
  type Target,
  TestAgent,
} from "../../support/agent.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";
import { oweKill } from "../../support/cleanup.ts";
import { script, temporary } from "../../support/hooks.ts";
import { masksOf } from "../../support/proc.ts";
import { until } from "../../support/until.ts";
import { cannotLimit, round, works } from "./round.ts";

/** Starts the agent in a network of its own, in which nothing else listens. */
const ALONE = [
  ...["unshare", "--net", "sh", "-c"],
  'ip link set lo up && exec "$@"',
  "sh",
];

/** Makes the agent unable to open anything, or able again; what it has open stays. */
function limitDescriptors(agent: TestAgent, most: 3 | 1024): void {
  const { status, stderr } = spawnSync("prlimit", [
    `--pid=${agent.pid}`,
    `--nofile=${most}:`,
  ]);
  assert.equal(status, 0, String(stderr));
}

function has(agent: TestAgent, message: string): boolean {
  return agent.lines().some((line) => line.message === message);
}

/** Whether the agent, alone in its network, has a socket of NETLINK_SOCK_DIAG (4). */
function asksForSockets(agent: TestAgent): boolean {
  const table = readFileSync(`/proc/${agent.pid}/net/netlink`, "utf8");
  // The columns are an address, the protocol, and a number that is 0 for the kernel's own sockets.
  return /^\S+ +4 +[1-9]/m.test(table);
}

/** A program on loopback whose port the agent forwards. */
async function greeter() {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    /** Whether the forwarder carries a connection to it. */
    reached: () =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ host: FORWARD_ADDRESS, port });
        socket.once("data", () => resolve(true));
        socket.on("error", () => {});
        socket.on("close", () => resolve(false));
      }),
    [Symbol.dispose]: () => void server.close(),
  };
}

/** A program that listens on loopback, in the agent's network; gives its port. */
async function listenBeside(agent: TestAgent) {
  const program = `const server = require("node:net").createServer();
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;
  const child = spawn(
    "nsenter",
    [`--target=${agent.pid}`, "--net", process.execPath, "-e", program],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const debt = oweKill(child.pid!);
  let output = "";
  child.stdout.on("data", (text) => output += text);
  await until("its port", () => output.endsWith("\n"));
  return {
    port: Number(output),
    [Symbol.dispose]: () => debt.settle(),
  };
}

/** No descriptor is free when a recovery ends. */
export function descriptorsAtRecovery(target: Target): void {
  describe(`no descriptor at a recovery, on ${target}`, {
    skip: cannotLimit(),
  }, () => {
    const directory = temporary();
    after(directory.remove);
    script(join(directory.path, "hook"), "#!/bin/sh\ntrue\n");
    // Hooks and the forwarder need descriptors at a recovery.
    const flags = [
      `--hook-directories=${directory.path}`,
      "--page-out=unneeded",
    ];

    test("the agent recovers, lives, says why, and answers afterwards", async () => {
      using program = await greeter();
      using workload = withoutCgroups() ? undefined : new TestCgroup();
      await workload?.run("sleep 86400");
      await using agent = await TestAgent.start(target, [
        ...flags,
        ...workload ? [`--workload-cgroup=${workload.path}`] : [],
      ]);
      await until("the forwarding", program.reached);
      await round(agent);
      const masks = masksOf(agent.pid);
      // Long enough for a slow machine to settle and to lower the limit within it.
      const prepare = "/snapshot/prepare?wait=settled&lease=6";
      assert.equal((await agent.ask("POST", prepare)).status, 200);
      limitDescriptors(agent, 3);
      assert.ok(!agent.output.includes('"trigger":"lease"'), "in time");
      const recoveries = () =>
        agent.lines().filter(({ message }) => message === "recovered");
      await until(
        "the end of the lease",
        () => agent.exitCode !== undefined || recoveries().length === 2,
      );
      // What is done after the reply of a recovery finds no descriptor, either.
      await until(
        "the forwarder's error",
        () =>
          agent.exitCode !== undefined ||
          agent.lines().some(({ module, message }) =>
            module === "ports" && message.includes("EMFILE")
          ),
      );
      assert.equal(agent.exitCode, undefined, agent.output);
      // Programs in the guest learn of the generation all the same.
      const steps = recoveries()[1].recovery as {
        name: string;
        status: string;
      }[];
      const published = steps.find(({ name }) => name === "generation");
      assert.equal(published?.status, "done");
      limitDescriptors(agent, 1024);
      await until(
        "an answer",
        () => agent.health().then(({ status }) => status === 200, () => false),
      );
      assert.equal((await agent.status()).state, "running");
      for (const [thread, mask] of masksOf(agent.pid)) {
        assert.equal(mask, masks.get(thread) ?? masks.get(agent.pid));
      }
      await until("the forwarding again", program.reached);
      // Without another prepare or recovery.
      await until("the thaw of the workload", () => !workload?.frozen);
      await round(agent);
      const { operation } = await agent.status();
      const pinned = operation.steps.find(({ name }: { name: string }) =>
        name === "parallelism"
      );
      assert.equal(pinned.status, "done", JSON.stringify(pinned));
    });

    test("a port that appears is forwarded once there are some", {
      skip: works(...ALONE as [string], "true")
        ? false
        : "a network of one's own is not allowed here",
    }, async () => {
      await using agent = await TestAgent.start(target, flags, {}, ALONE);
      // The scanner's socket stays open; the first forwarded port starts the forwarder's thread.
      await until("the first scan", () => asksForSockets(agent));
      limitDescriptors(agent, 3);
      using program = await listenBeside(agent);
      const says = (text: string) =>
        agent.lines().some(({ message }) =>
          message.includes(`${FORWARD_ADDRESS}:${program.port}`) &&
          message.includes(text)
        );
      await until(
        "the forwarder's error",
        () => agent.exitCode !== undefined || says("EMFILE"),
      );
      assert.equal(agent.exitCode, undefined, agent.output);
      limitDescriptors(agent, 1024);
      await until("the forwarding", () => says("forwarding"));
    });

    test("SIGTERM ends the agent all the same", async () => {
      await using agent = await TestAgent.start(target, flags);
      await agent.settle();
      limitDescriptors(agent, 3);
      agent.kill("SIGTERM");
      await until("its end", () => agent.exitCode !== undefined);
      assert.equal(agent.exitCode, 0, agent.output);
      assert.ok(has(agent, "recovered"), agent.output);
      assert.equal(agent.lines().at(-1)?.message, "ended");
    });
  });
}
