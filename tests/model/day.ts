/**
 * A day of a host that polls, prepares and recovers, without the pauses between:
 * nothing may have grown at its end. `bun run tests/model/day.ts TARGET [ROUNDS]`
 * @module
 */
import assert from "node:assert/strict";
import { request } from "node:http";
import { holdings, LATE_THREADS } from "../contract/endurance.ts";
import { type Target, TestAgent } from "../support/agent.ts";

/** One every four seconds of a day. */
const ROUNDS = 20_000;
/** Until compilers and pools have what they need. */
const WARM = 1000;
/** Rounds that wait for the settle; in the others the recovery overtakes it. */
const SETTLED = 10;
/** Looks at what it holds. */
const PARTS = 4;
/** Bytes that the agent's own memory may differ by: one way or the other it does. */
const NOISE = 2 ** 20;

/** One call on a connection of its own; gives the status and the body. */
function call(
  port: number,
  method: string,
  path: string,
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, method, path, agent: false },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (part) => body += part);
        response.on(
          "end",
          () => resolve({ status: response.statusCode, body }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

async function rounds(agent: TestAgent, count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    const poll = await call(agent.port, "GET", "/health");
    assert.equal(poll.status, 200, poll.body);
    const wait = round % SETTLED === 0;
    const path = `/snapshot/prepare${wait ? "?wait=settled" : ""}`;
    const prepared = await call(agent.port, "POST", path);
    assert.equal(prepared.status, wait ? 200 : 204, prepared.body);
    const { status, body } = await call(agent.port, "GET", "/health");
    assert.equal(status, 200, body);
    assert.equal(JSON.parse(body).state, "running");
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
    const held = [await holdings(agent)];
    for (let part = 0; part < PARTS; part++) {
      await rounds(agent, count / PARTS);
      held.push(await holdings(agent));
      console.log(`${target}, part ${part + 1} of ${PARTS}:`, held.at(-1));
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`${target}: ${count} rounds in ${seconds} s`);
    const [before] = held;
    const [middle, after] = [held[PARTS / 2], held[PARTS]];
    const { generation } = await agent.status();
    assert.equal(generation, WARM + count + PARTS + 1);
    assert.equal(after.descriptors, before.descriptors);
    assert.equal(after.sockets, before.sockets);
    assert.ok(after.threads <= before.threads + LATE_THREADS);
    // What a runtime keeps settles in the first half; what leaks goes on.
    const grown = after.memory - middle.memory;
    assert.ok(grown <= NOISE, `grew by ${grown} bytes in the second half`);
  } finally {
    await agent.stop();
  }
}

const [target = "binary", count = `${ROUNDS}`] = process.argv.slice(2);
await day(target as Target, Number(count));
