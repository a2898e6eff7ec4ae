/**
 * A day of a host that polls, prepares and recovers, without the pauses between:
 * nothing may have grown at its end. `bun run tests/model/day.ts TARGET [ROUNDS]`
 * @module
 */
import assert from "node:assert/strict";
import { type Target, TestAgent } from "../support/agent.ts";
import { LATE_THREADS, look, NOISE, SETTLES } from "../support/holdings.ts";

/** One every four seconds of a day. */
const ROUNDS = 20_000;
/** Until compilers and pools have what they need. */
const WARM = 1000;
/** Rounds that wait for the settle; in the others the recovery overtakes it. */
const SETTLED = 10;
/** Times that it is looked at. */
const PARTS = 20;

async function rounds(agent: TestAgent, count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    assert.equal((await agent.health()).status, 200);
    const prepared = round % SETTLED === 0
      ? await agent.settle()
      : await agent.ask("POST", "/snapshot/prepare");
    assert.ok(prepared.status === 200 || prepared.status === 204);
    const health = await agent.health();
    assert.equal(health.status, 200, health.body);
    assert.equal(health.json<{ state: string }>().state, "running");
  }
}

async function day(target: Target, count: number): Promise<void> {
  const agent = await TestAgent.start(target, [
    "--no-forward-ports",
    "--log-level=info",
  ]);
  try {
    const start = performance.now();
    await rounds(agent, WARM);
    const held = [await look(agent)];
    const part = Math.ceil(count / PARTS);
    console.log(`${target}, after ${WARM} rounds:`, held[0]);
    for (let number = 1; number <= PARTS; number++) {
      await rounds(agent, part);
      held.push(await look(agent));
      console.log(`${target}, part ${number} of ${PARTS}:`, held[number]);
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`${target}: ${PARTS * part} rounds in ${seconds} s`);
    const [before] = held;
    const after = held[PARTS];
    const { generation } = await agent.status();
    const looks = SETTLES * (PARTS + 1);
    assert.equal(generation, WARM + PARTS * part + looks);
    assert.equal(after.descriptors, before.descriptors);
    assert.equal(after.sockets, before.sockets);
    assert.ok(after.threads <= before.threads + LATE_THREADS);
    const grown = after.memory - before.memory;
    assert.ok(grown <= NOISE, `grew by ${grown} bytes`);
  } finally {
    await agent.stop();
  }
}

const [target = "binary", count = `${ROUNDS}`] = process.argv.slice(2);
await day(target as Target, Number(count));
