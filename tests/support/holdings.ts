/**
 * What an agent holds at rest, for tests that nothing is left behind.
 * @module
 */
import type { TestAgent } from "./agent.ts";
import {
  deadSockets,
  descriptorsOf,
  memoryOf,
  socketsOn,
  threadsOf,
} from "./proc.ts";
import { until } from "./until.ts";

/** Pools of the runtimes start their threads when they need them, not before. */
export const LATE_THREADS = 2;

/** What an agent holds at rest: counts, and bytes of memory of its own. */
export interface Holdings {
  readonly threads: number;
  readonly descriptors: number;
  readonly sockets: number;
  readonly memory: number;
}

/**
 * Settles of one look, whose median counts: which pages of its heap an allocator
 * can give back differs by up to 1.5 MiB from one settle to the next.
 */
export const SETTLES = 9;

/** Bytes that the agent's own memory may differ by. */
export const NOISE = 2 ** 20;

/** Looks at what it holds: the one with the median of the memory. */
export async function look(agent: TestAgent): Promise<Holdings> {
  const looks: Holdings[] = [];
  for (let i = 0; i < SETTLES; i++) looks.push(await holdings(agent));
  looks.sort((a, b) => a.memory - b.memory);
  return looks[SETTLES >> 1];
}

/** Settles it, looks, and recovers it. */
export async function holdings(agent: TestAgent): Promise<Holdings> {
  await agent.settle();
  await until(
    "no connection",
    () =>
      socketsOn(agent.port, "01").length === 0 &&
      deadSockets(agent.pid).length === 0,
  );
  const descriptors = descriptorsOf(agent.pid);
  const held = {
    threads: threadsOf(agent.pid).length,
    descriptors: descriptors.length,
    sockets: descriptors.filter((fd) => fd.startsWith("socket:")).length,
    memory: memoryOf(agent.pid, "Private_Dirty"),
  };
  await agent.health();
  return held;
}
