/**
 * The wakeups of an idle agent that forwards ports.
 * @module
 */
import { echo, portOf, through } from "../contract/echo.ts";
import { type Target, TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";
import { watchRest } from "./process.ts";
import { pass } from "./stats.ts";

/**
 * Seconds before the count begins: the first scan for lost reports, 30 s after the start, reads back
 * pages of the program that have left the memory.
 */
const BEFORE_S = 40;
const COUNT_S = 60;

/**
 * Voluntary switches of all threads in a second. Each socket that begins or ends to listen anywhere on
 * this machine, and each message of the kernel, wakes the agent, too: the machine must be quiet.
 */
export async function idleWakeups(
  target: Target,
  flags: readonly string[],
): Promise<number> {
  const server = await echo({ host: "127.0.0.1", port: 0 });
  try {
    const port = portOf(server);
    await using agent = await TestAgent.start(target, [
      ...flags,
      `--forward-include=${port}`,
    ]);
    await agent.health();
    await until("the port", async () => await through(port, "x") === "x");
    await pass(BEFORE_S * 1000);
    return (await watchRest(agent.pid, COUNT_S)).wakeups;
  } finally {
    server.close();
  }
}
