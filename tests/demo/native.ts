/**
 * The main job without a virtual machine: the compiled binary on this kernel.
 */
import net from "node:net";
import { FORWARD_ADDRESS, TestAgent } from "../support/agent.ts";
import { masksOf, memoryOf } from "../support/proc.ts";
import { until } from "../support/until.ts";
import { mebibytes, type ReportedStep, stepTable } from "./table.ts";

/** Runs one round of the agent and shows it. */
export async function nativeDemo(say: (line: string) => void): Promise<void> {
  const guest = net.createServer((socket) => socket.end("hello from a port\n"));
  await new Promise<void>((resolve) => guest.listen(0, "127.0.0.1", resolve));
  const { port } = guest.address() as net.AddressInfo;
  const agent = await TestAgent.start("binary");
  const cpus = () => [...new Set(masksOf(agent.pid).values())].join(" and ");
  try {
    say(`\nlull listens on port ${agent.port}, its threads on CPUs ${cpus()}`);
    const reply = await until(
      "the port to be forwarded",
      () => fetchFrom(port),
    );
    say(
      `127.0.0.1:${port} is forwarded from ${FORWARD_ADDRESS}:${port}: ${reply}`,
    );

    say("\nPOST /snapshot/prepare?wait=settled");
    const prepared = (await agent.settle()).json<
      { settledMs: number; steps: ReportedStep[] }
    >();
    say(stepTable(prepared.steps));
    say(`  settled after ${prepared.settledMs.toFixed(1)} ms`);

    const status = await agent.status();
    const dirty = mebibytes(memoryOf(agent.pid, "Private_Dirty"));
    say(
      `\nGET /snapshot: ${status.state}, settled ${status.settled}, lease ` +
        `${status.lease.left.toFixed(0)} s, threads on CPU ${cpus()}, ` +
        `${dirty} of its own, port forwarded: ${
          await fetchFrom(port) !== undefined
        }`,
    );
    say("\n  (here the hypervisor would pause, snapshot and restore)\n");

    const start = performance.now();
    const health = await agent.health();
    const ms = performance.now() - start;
    say(
      `GET /health: ${health.status} ${health.body} after ${ms.toFixed(1)} ms`,
    );
    const { lastRecovery } = await agent.status();
    say(stepTable(lastRecovery.steps));
    say(
      `  outcome ${lastRecovery.outcome}, generation ${lastRecovery.generation}, threads on CPUs ${cpus()}`,
    );
    await until("the port to be forwarded again", () => fetchFrom(port));
    say(`${FORWARD_ADDRESS}:${port} answers again`);
  } finally {
    await agent.stop();
    guest.close();
  }
}

async function fetchFrom(port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = net.connect({ port, host: FORWARD_ADDRESS });
    socket.setEncoding("utf8");
    let text = "";
    socket.on("data", (data) => text += data);
    socket.on("end", () => resolve(text.trim()));
    socket.on("error", () => resolve(undefined));
  });
}
