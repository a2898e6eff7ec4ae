/**
 * Hosts: what several of them do to one agent at once, at random.
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type Reply, Wire } from "../support/wire.ts";
import type { Client } from "./client.ts";
import type { Life } from "./life.ts";
import { prepare } from "./prepares.ts";
import type { Random } from "./random.ts";
import { assertNoSecret, assertUndone, problemOf } from "./truth.ts";

/** One thing that a host does; the random numbers are for this one alone. */
export type Act = (host: Host, random: Random) => Promise<void>;

/** A host. */
export class Host {
  #operations = 0;
  /** The last operation that a reply has named to this host. */
  lastOperation: string | undefined;

  constructor(
    readonly name: string,
    readonly client: Client,
    readonly life: Life,
  ) {}

  /** The last operation that it has named itself. */
  get ownOperation(): string {
    return `${this.name}-${this.#operations}`;
  }

  /** A name that no other host uses. */
  newOperation(): string {
    this.#operations++;
    return this.ownOperation;
  }

  ask(
    method: string,
    path: string,
    body?: object | string,
  ): Promise<Reply | undefined> {
    return this.client.ask(this.name, this.life, method, path, body);
  }
}

const health: Act = async (host) => {
  const { generation } = host.client;
  const reply = await host.ask("GET", "/health");
  if (reply?.status !== 200) return;
  host.client.sawGeneration(JSON.parse(reply.body).generation, generation);
};

const recover: Act = async (host, random) => {
  const { client, life } = host;
  const body = {
    operation: random.weighted([
      [6, undefined],
      [3, host.lastOperation],
      [1, "nobody-s"],
    ]),
    outcome: random.weighted([
      [4, undefined],
      [1, "resumed"],
      [1, "aborted"],
      [1, life.restores ? "restored" : undefined],
    ]),
    hostTime: random.chance(0.3) ? Date.now() : undefined,
    entropy: random.chance(0.2)
      ? randomBytes(32).toString("base64")
      : undefined,
    requireEntropy: random.weighted([
      [8, undefined],
      [1, true],
      [1, false],
    ]),
  };
  life.guest.entropyRequired ||= body.requireEntropy === true;
  const { generation } = client;
  const reply = await host.ask("POST", "/snapshot/recover", body);
  if (reply === undefined) return;
  if (reply.status >= 400) return assertNotRecovered(reply, body);
  const { recovered, recovery, late = [] } = JSON.parse(reply.body);
  assert.equal(recovered, recovery !== undefined, reply.body);
  if (recovery !== undefined) {
    assertUndone(recovery);
    if (recovery.trigger !== "failure" && body.operation !== undefined) {
      assert.equal(recovery.operation, body.operation, reply.body);
    }
    client.sawGeneration(recovery.generation, generation);
  }
  if (body.hostTime === undefined) return;
  // The time has arrived: with the recovery, or late.
  const steps = [...recovery?.steps ?? [], ...late];
  const clock = steps.findLast(({ name }) => name === "clock");
  assert.equal(clock?.status, "done", reply.body);
};

function assertNotRecovered(reply: Reply, body: Record<string, unknown>) {
  const { kind, problem } = problemOf(reply);
  switch (kind) {
    case "other-operation":
      return assert.ok(body.operation, reply.body);
    case "fields-not-applied":
      for (const field of problem.fields ?? []) {
        assert.notEqual(body[field], undefined, field);
      }
      return;
    default:
      assert.equal(kind, "entropy-missing", reply.body);
  }
}

const status: Act = async (host) => {
  const { generation } = host.client;
  const reply = await host.ask("GET", "/snapshot");
  if (reply === undefined) return;
  assert.equal(reply.status, 200, reply.body);
  assertNoSecret(reply);
  const status = JSON.parse(reply.body);
  host.client.sawGeneration(status.generation, generation);
  if (status.state !== "quiesced") assert.equal(status.settled, false);
  if (status.state !== "running") return;
  assert.equal(status.lease.left, 0, "no lease runs");
  assert.equal(status.keepAlive, true, "keep-alive");
  if (status.lastRecovery) assertUndone(status.lastRecovery);
};

const metrics: Act = async (host) => {
  const reply = await host.ask("GET", "/metrics");
  if (reply !== undefined) assert.equal(reply.status, 200, reply.body);
};

const GARBAGE: readonly (readonly [string, string, string])[] = [
  ["POST", "/snapshot/prepare", "{"],
  ["POST", "/snapshot/prepare", '{"lease":-1}'],
  ["POST", "/snapshot/prepare?lease=1&lease=2", ""],
  ["POST", "/snapshot/recover", '{"outcome":"expired"}'],
  ["POST", "/snapshot/recover", '{"hostTime":1}'],
  ["POST", "/snapshot/recover", `{"operation":"${"x".repeat(99)}"}`],
  ["POST", "/snapshot/recover", "x".repeat(70_000)],
  ["DELETE", "/snapshot", ""],
  ["GET", "/nowhere", ""],
];

const garbage: Act = async (host, random) => {
  const reply = await host.ask(...random.pick(GARBAGE));
  if (reply === undefined) return;
  assert.ok(reply.status >= 400 && reply.status < 500, reply.body);
};

/** A caller that goes away: in its request, or before it has read the reply. */
const leave: Act = async ({ client, life, name }, random) => {
  const [method, path, body] = random.pick([
    ["POST", "/snapshot/prepare", '{"lease":0.5}'],
    ["POST", "/snapshot/prepare?wait=settled&lease=0.5", ""],
    ["POST", "/snapshot/recover", "{}"],
    ["GET", "/health", ""],
  ]);
  const text = `${method} ${path} HTTP/1.1\r\nhost: lull\r\n` +
    `content-length: ${body.length}\r\n\r\n${body}`;
  const part = random.chance(0.5) ? random.between(0, text.length) : Infinity;
  const ms = random.pick([0, 0, 1, 5, 50, 300]);
  client.note(`${name} leaves ${method} ${path} after ${part}, ${ms} ms`);
  try {
    const wire = await Wire.open(life.agent.port);
    wire.send(text.slice(0, part));
    if (ms > 0) await pause(ms);
    wire.end();
  } catch (error) {
    if (!life.ends) throw error;
  }
};

/** What hosts do, and how often. */
const ACTS: readonly (readonly [number, Act])[] = [
  [30, prepare],
  [22, health],
  [18, recover],
  [8, status],
  [3, metrics],
  [8, garbage],
  [10, leave],
];

/** Acts until the storm is over. */
export async function live(
  host: Host,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    host.life.assertAlive();
    const act = random.weighted(ACTS);
    const waits = random.pick([0, 0, 0, 1, 5, 20, 60]);
    await act(host, random.fork());
    if (waits > 0) await pause(waits);
  }
}

/** Waits so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
