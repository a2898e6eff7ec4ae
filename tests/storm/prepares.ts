/**
 * What hosts do with prepares, and what a reply to one promises.
 * @module
 */
import assert from "node:assert/strict";
import type { Reply } from "../support/wire.ts";
import type { Act } from "./hosts.ts";
import { assertUndone, problemOf, type Step } from "./truth.ts";

/** An id that several hosts use at once, so that their prepares join. */
const SHARED = "shared";

/** A prepare, with and without a lease, an id, and a wait for the settle. */
export const prepare: Act = async (host, random) => {
  const { client, life } = host;
  const operation = random.weighted([
    [5, undefined],
    [3, host.newOperation()],
    [2, SHARED],
    [1, host.ownOperation],
  ]);
  const lease = random.chance(0.6) ? random.between(1, 40) / 20 : undefined;
  const wait = random.chance(0.35) ? "settled" : undefined;
  const looks = random.chance(0.6);
  const { generation } = client;
  const reply = await host.ask("POST", "/snapshot/prepare", {
    operation,
    lease,
    wait,
  });
  if (reply === undefined) return;
  if (reply.status >= 400) {
    assertRefused(reply, { operation, wait });
    return;
  }
  const id = reply.operation ?? "";
  assert.match(id, /^[\w.:-]{1,64}$/);
  if (operation !== undefined) assert.equal(id, operation);
  host.lastOperation = id;
  life.held.add(id);
  if (wait === undefined) assert.equal(reply.status, 204);
  else assertSettled(reply, id);
  if (looks) await assertHeld(host, id, generation);
};

function assertRefused(
  reply: Reply,
  { operation, wait }: { operation?: string; wait?: string },
): void {
  const { kind, problem } = problemOf(reply);
  switch (kind) {
    case "prepare-failed":
      assert.ok(problem.report, reply.body);
      return assertUndone(problem.report.undo);
    case "other-operation":
      return assert.ok(operation, reply.body);
    case "overtaken":
      return assert.ok(wait, reply.body);
    default:
      assert.equal(kind, "ending", reply.body);
  }
}

function assertSettled({ status, body }: Reply, id: string): void {
  assert.equal(status, 200, body);
  const report = JSON.parse(body);
  assert.equal(report.operation, id);
  assert.equal(report.settled, true, body);
  for (const { name, status } of report.steps as Step[]) {
    assert.match(status, /^(done|skipped)$/, `${name}: ${body}`);
  }
}

interface Status {
  readonly state: string;
  readonly generation: number;
  readonly operation?: { readonly operation: string };
}

/**
 * A prepare that holds is still quiesced, or was recovered since. While it is
 * quiesced, the workload is frozen, and the hooks wait for their thaw.
 */
async function assertHeld(
  host: Parameters<Act>[0],
  id: string,
  generation: number,
): Promise<void> {
  const { guest } = host.life;
  const look = async () => {
    const reply = await host.ask("GET", "/snapshot");
    return reply && JSON.parse(reply.body) as Status;
  };
  const holds = (status: Status) =>
    status.state === "quiesced" && status.operation?.operation === id;
  const before = await look();
  if (before === undefined) return;
  if (!holds(before)) {
    const leaves = before.state === "recovering" &&
      before.operation?.operation === id;
    const words = `${id} does not hold: ${JSON.stringify(before)}`;
    assert.ok(leaves || before.generation > generation, words);
    return;
  }
  const { frozen } = guest;
  const waiting = guest.participants.map((participant) => {
    return { participant, last: participant.calls.at(-1) };
  });
  const after = await look();
  if (after === undefined || !holds(after)) return;
  if (after.generation !== before.generation) return;
  assert.notEqual(frozen, false, `${id}: the workload is not frozen`);
  for (const { participant: { name, required }, last } of waiting) {
    if (!required) continue;
    assert.equal(last?.phase, "freeze", `${id}: ${name} is thawed`);
    assert.equal(last.operation, id, `${id}: ${name} of another operation`);
  }
}
