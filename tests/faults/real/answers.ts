/**
 * An agent beside a filesystem that never answers: it answers itself, and ends.
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { sleep } from "../../../src/util/wait.ts";
import { within } from "../../../src/util/within.ts";
import { type Target, TestAgent } from "../../support/agent.ts";
import { until } from "../../support/until.ts";

/** Milliseconds in which an agent that hangs nowhere answers. */
const ANSWER_MS = 5000;

/** The report of the sync. */
export interface Step {
  name: string;
  status: string;
  reason?: string;
  effect?: { leftAlone?: string[]; mounts?: string[] };
}

/** Runs an agent in the mounts, and ends it by SIGTERM alone. */
export async function withAgent(
  target: Target,
  { prefix }: { prefix: readonly string[] },
  flags: string[],
  check: (agent: TestAgent) => Promise<void>,
  finish = () => {},
): Promise<void> {
  const agent = await TestAgent.start(target, flags, {}, prefix);
  try {
    await check(agent);
    assert.equal((await answered(agent.health())).status, 200);
    agent.kill("SIGTERM");
    await until("its end", () => agent.exitCode !== undefined, 15_000);
    assert.equal(agent.exitCode, 0);
  } finally {
    finish();
    if (agent.exitCode === undefined) agent.kill("SIGKILL");
    await agent.stop();
  }
}

/** A whole round; gives the report of its sync. */
export async function sync(
  agent: TestAgent,
  limitMs = ANSWER_MS,
): Promise<Step> {
  const reply = await answered(agent.settle(), limitMs);
  assert.equal(reply.status, 200, reply.body);
  assert.equal((await answered(agent.health())).status, 200);
  const { steps } = reply.json<{ steps: Step[] }>();
  const step = steps.find(({ name }) => name === "filesystem");
  assert.ok(step, "it syncs");
  return step;
}

/** Why a prepare fails. */
export async function refusal(agent: TestAgent): Promise<string> {
  const reply = await agent.ask("POST", "/snapshot/prepare");
  assert.equal(reply.status, 503, reply.body);
  return reply.json<{ detail: string }>().detail;
}

/**
 * The agent answers, at once, until that is over. By its status: a health check
 * would recover it.
 */
export async function answersDuring<T>(
  agent: TestAgent,
  work: Promise<T>,
): Promise<T> {
  let over = false;
  work.then(() => over = true, () => over = true);
  while (!over) {
    await answered(agent.status());
    await sleep(100);
  }
  return await work;
}

/**
 * Calls the action several times: no thread waits longer than its call. The runtime may start a thread
 * of its own meanwhile; threads that wait would be one more for each call.
 */
export async function addsNoThread(
  agent: TestAgent,
  action: () => Promise<void>,
): Promise<void> {
  const threads = () => readdirSync(`/proc/${agent.pid}/task`).length;
  await action();
  const before = threads();
  const calls = 3;
  for (let i = 0; i < calls; i++) await action();
  assert.ok(
    threads() < before + calls,
    `${before}, then ${threads()} threads`,
  );
}

/** Fails where no answer comes. */
export async function answered<T>(
  answer: Promise<T>,
  limitMs = ANSWER_MS,
): Promise<T> {
  const first = await within(answer, { limitMs });
  if ("value" in first) return first.value;
  throw new Error(`no answer within ${limitMs} ms`);
}
