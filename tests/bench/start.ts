/**
 * The start of the agent, until its first healthy reply.
 * @module
 */
import { type Target, TestAgent } from "../support/agent.ts";
import { median } from "./stats.ts";

/** As many as fit into the bench: on a shared machine single starts differ by half. */
const STARTS = 15;

/** Starts before them, which fill the cache of Deno. */
const FILLING = 2;

/** Milliseconds until the first healthy reply, with these variables; the median. */
export async function startMs(
  target: Target,
  flags: string[],
  env: Record<string, string>,
): Promise<number> {
  const starts: number[] = [];
  for (let i = -FILLING; i < STARTS; i++) {
    const start = performance.now();
    const agent = await TestAgent.start(target, flags, env);
    await agent.health();
    if (i >= 0) starts.push(performance.now() - start);
    await agent.stop();
  }
  return median(starts);
}
