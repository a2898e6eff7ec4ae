import assert from "node:assert/strict";
import { health, status } from "./agent.ts";
import { type Fleet, say } from "./fleet.ts";
import { agentCpus } from "./guest.ts";
import type { Machine, Snapshot } from "./machine.ts";

/** Both CPUs of the guest. */
export const ALL_CPUS = ["0-1"];

/** All threads of the agent are on one CPU, the same one. */
export function assertOneCpu(cpus: string[]): void {
  assert.equal(cpus.length, 1, `threads differ: ${cpus}`);
  assert.match(cpus[0], /^\d+$/);
}

/** Runs on, healthy, after its recovery number `generation`. */
export async function assertRecovered(
  machine: Machine,
  generation: number,
): Promise<void> {
  const document = await status(machine);
  assert.equal(document.state, "running");
  assert.equal(document.generation, generation);
  assert.equal(document.keepAlive, true);
  for (const step of document.lastRecovery?.steps ?? []) {
    assert.match(step.status, /^(done|skipped)$/, JSON.stringify(step));
  }
  assert.deepEqual(await agentCpus(machine), ALL_CPUS);
}

/** Restores, continues, and asks for health, once: that is all a host does. */
export async function restoreAndCheck(
  fleet: Fleet,
  snapshot: Snapshot,
  generation: number,
): Promise<Machine> {
  const fork = await fleet.restore(snapshot);
  await fork.cont();
  const reply = await health(fork);
  say(
    `restored in ${Math.round(fork.restoreMs)} ms, ` +
      `healthy ${Math.round(reply.ms)} ms after cont`,
  );
  assert.equal(reply.state, "running");
  assert.equal(reply.generation, generation);
  return fork;
}
