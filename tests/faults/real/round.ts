/**
 * What tests of faults share.
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { runtimeOf, type Target, type TestAgent } from "../../support/agent.ts";
import { masksOf } from "../../support/proc.ts";

/** A step, as a report has it. */
export interface Step {
  name: string;
  status: string;
  reason?: string;
}

/** A whole round: quiesced, recovered, and every thread where it was. */
export async function round(agent: TestAgent): Promise<Step[]> {
  const masks = masksOf(agent.pid);
  const reply = await agent.settle();
  assert.equal(reply.status, 200, reply.body);
  const { steps } = reply.json<{ steps: Step[] }>();
  assert.equal((await agent.health()).status, 200);
  const status = await agent.status();
  assert.equal(status.state, "running");
  const all = [...steps, ...status.lastRecovery.steps];
  for (const { name, status, reason } of all) {
    if (status !== "done") assert.ok(reason, `${name} ${status} says why`);
  }
  for (const [thread, mask] of masksOf(agent.pid)) {
    assert.equal(mask, masks.get(thread) ?? masks.get(agent.pid));
  }
  return all;
}

/** How a step ended, if it ran. */
export function statusOf(steps: Step[], name: string): string | undefined {
  return steps.find((step) => step.name === name)?.status;
}

/** The environment and the command prefix of an agent that cannot load the C library. */
export function withoutFfi(
  target: Target,
): { env: Record<string, string>; prefix: string[] } {
  // The command on Deno begins with `deno run -A`.
  const denied = 'shift 2; exec "$0" run -A --deny-ffi "$@"';
  return runtimeOf(target) === "deno"
    ? { env: {}, prefix: ["sh", "-c", denied] }
    : { env: { BUN_JSC_useJIT: "0" }, prefix: [] };
}

/** Descriptors of an agent that is to have few, and what starts it so. */
export const FEW = 128;
export const WITH_FEW = ["prlimit", `--nofile=${FEW}:${FEW}`];
/** Why no agent can be started so, or false. */
export const cannotLimit = (): string | false =>
  works(WITH_FEW[0], ...WITH_FEW.slice(1), "true")
    ? false
    : "there is no prlimit";

/** Whether a program runs here, and does what it is there for. */
export function works(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}
