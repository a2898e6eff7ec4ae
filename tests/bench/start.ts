/**
 * The start of the agent, until its first healthy reply.
 * @module
 */
import { type Target, TestAgent } from "../support/agent.ts";
import { median } from "./stats.ts";

const STARTS = 5;

/** Milliseconds until the first healthy reply, with these variables; the median. */
export async function startMs(
  target: Target,
  flags: string[],
  env: Record<string, string> = {},
): Promise<number> {
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const start = performance.now();
    const agent = await TestAgent.start(target, flags, env);
    await agent.health();
    starts.push(performance.now() - start);
    await agent.stop();
  }
  return median(starts);
}
