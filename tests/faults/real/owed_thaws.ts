/**
 * A program that got its freeze gets its thaw, whatever happens to the agent and
 * to the program in between; until then the agent says that it owes it.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Target, TestAgent } from "../../support/agent.ts";
import { Guest } from "../../support/guest.ts";
import { overUnix } from "../../support/over_unix.ts";
import { EventsProgram, RequestProgram } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

/** A guest with two programs that take part. */
class ProgramGuest extends Guest {
  readonly db = new RequestProgram(this.path, "db");
  readonly app = new EventsProgram("app");

  /** Quiesces an agent and kills it. */
  async killQuiesced(agent: TestAgent): Promise<void> {
    const reply = await agent.settle();
    assert.equal(reply.status, 200, reply.body);
    await this.kill(agent);
  }

  /** The changes that are recorded now, as JSON. */
  get journal(): string[] {
    const path = join(this.run, "journal");
    if (!existsSync(path)) return [];
    return readdirSync(path)
      .map((name) => readFileSync(join(path, name), "utf8"));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.db.stop();
    this.app.end();
    await super[Symbol.asyncDispose]();
  }
}

interface Repaired {
  kind: string;
  status: string;
  owed?: string[];
  reason?: string;
  effect?: { hooks: { name: string; status: string }[] };
}

async function repairedBy(agent: TestAgent): Promise<Repaired[]> {
  return (await agent.status()).repaired ?? [];
}

/** Waits until nothing is owed, and checks that all of them say so. */
async function assertPaid(
  guest: ProgramGuest,
  agent: TestAgent,
): Promise<void> {
  await until("an empty journal", () => guest.journal.length === 0);
  const [repaired] = await repairedBy(agent);
  assert.equal(repaired?.status, "repaired");
  assert.equal(repaired.owed, undefined);
  assert.equal((await agent.status()).owedThaws, undefined);
}

function last(calls: readonly string[]): string | undefined {
  return calls.at(-1)?.split(" ")[0];
}

/** Declares the tests for one target. */
export function owedThaws(target: Target): void {
  describe(`owed thaws on ${target}`, () => {
    async function inGuest(
      work: (guest: ProgramGuest) => Promise<void>,
    ): Promise<void> {
      await using guest = new ProgramGuest(target);
      await guest.db.start();
      await work(guest);
    }

    test("kill -9, the program lives: the next agent calls its thaw", () =>
      inGuest(async (guest) => {
        const first = await guest.start();
        const reply = await guest.db.register(guest.socket);
        assert.deepEqual(reply, { status: 201, name: "db", kept: true });
        const file = join(guest.run, "hooks.json");
        assert.equal(statSync(file).mode & 0o777, 0o600);
        await guest.killQuiesced(first);
        const second = await guest.start();
        assert.equal(last(guest.db.calls), "thaw", guest.db.calls.join());
        const [repaired] = await repairedBy(second);
        assert.deepEqual(
          repaired.effect?.hooks.map(({ name, status }) => [name, status]),
          [["db", "done"]],
        );
        await assertPaid(guest, second);
        // It still takes part.
        await second.settle();
        await second.health();
        assert.deepEqual(guest.db.calls.map((call) => call.split(" ")[0]), [
          "freeze",
          "thaw",
          "freeze",
          "thaw",
        ]);
      }));

    test("kill -9, the program is dead: owed until it registers again", () =>
      inGuest(async (guest) => {
        const first = await guest.start();
        await guest.db.register(guest.socket);
        await guest.killQuiesced(first);
        guest.db.stop();
        const frozen = guest.db.calls.length;
        const assertOwed = async (agent: TestAgent) => {
          const [repaired] = await repairedBy(agent);
          assert.equal(repaired?.status, "owed");
          assert.deepEqual(repaired.owed, ["db"]);
          assert.match(repaired.reason!, /hook db failed: Cannot post to /);
          assert.deepEqual((await agent.status()).owedThaws, ["db"]);
          assert.equal(guest.journal.length, 1);
        };
        // At each start it is tried again.
        const second = await guest.start();
        await assertOwed(second);
        await guest.kill(second);
        const third = await guest.start();
        await assertOwed(third);
        const line = third.lines().find(({ kind }) => kind === "hooks");
        assert.match(line!.message, /owed/);
        await guest.db.start();
        assert.equal(guest.db.calls.length, frozen);
        assert.equal((await guest.db.register(guest.socket)).status, 200);
        await until("its thaw", () => last(guest.db.calls) === "thaw");
        await assertPaid(guest, third);
        assert.ok(
          third.lines().some(({ message, hook }) =>
            hook === "db" && /got the thaw/.test(message)
          ),
        );
        assert.equal(guest.db.calls.length, frozen + 1, "it is thawed once");
      }));

    test("kill -9, an events program: owed until it connects again", () =>
      inGuest(async (guest) => {
        const first = await guest.start();
        await guest.app.connect(guest.socket);
        await guest.db.register(guest.socket);
        await guest.killQuiesced(first);
        assert.deepEqual(guest.app.calls.length, 1);
        const second = await guest.start();
        const [repaired] = await repairedBy(second);
        assert.equal(repaired.status, "owed");
        assert.deepEqual(repaired.owed, ["app"]);
        assert.equal(last(guest.db.calls), "thaw");
        // The entry tells of those that remain.
        assert.equal(guest.journal.length, 1);
        assert.deepEqual(JSON.parse(guest.journal[0]).started, ["program app"]);
        await guest.app.connect(guest.socket);
        await until("its thaw", () => last(guest.app.calls) === "thaw");
        await assertPaid(guest, second);
        assert.equal(
          guest.db.calls.filter((call) => call.startsWith("thaw")).length,
          1,
        );
      }));

    test("kill -9, a program that hangs does not hold up the start", () =>
      inGuest(async (guest) => {
        const first = await guest.start();
        await guest.db.register(guest.socket);
        await guest.killQuiesced(first);
        guest.db.answer = "nothing";
        const second = await guest.start("--hooks-limit-ms=300");
        const [repaired] = await repairedBy(second);
        assert.deepEqual(repaired.owed, ["db"]);
        // It may say that it takes part no more; then nothing is owed.
        const path = "/hooks/db";
        const { status } = await overUnix(guest.socket, "DELETE", path);
        assert.equal(status, 204);
        await assertPaid(guest, second);
      }));

    test("a thaw that fails in a recovery: owed until it registers again", () =>
      inGuest(async (guest) => {
        const agent = await guest.start();
        await guest.db.register(guest.socket);
        await guest.app.connect(guest.socket);
        await agent.settle();
        guest.db.stop();
        guest.app.end();
        await until("it to be gone", async () => {
          const { body } = await overUnix(guest.socket, "GET", "/hooks");
          const { hooks } = JSON.parse(body) as { hooks: { name: string }[] };
          return !hooks.some(({ name }) => name === "app");
        });
        assert.equal((await agent.health()).status, 200);
        const { lastRecovery, owedThaws } = await agent.status();
        const hooks = lastRecovery.steps.at(-1);
        assert.equal(hooks.status, "failed");
        assert.match(hooks.reason, /hook app gone: .*; hook db failed: /);
        assert.deepEqual(owedThaws.sort(), ["app", "db"]);
        assert.equal(guest.journal.length, 1);
        await guest.db.start();
        await guest.db.register(guest.socket);
        await guest.app.connect(guest.socket);
        await until("no debts", () => guest.journal.length === 0);
        assert.equal(last(guest.db.calls), "thaw");
        assert.equal(last(guest.app.calls), "thaw");
        assert.equal((await agent.status()).owedThaws, undefined);
        // The next round is whole.
        assert.equal((await agent.settle()).status, 200);
        await agent.health();
        const { lastRecovery: next } = await agent.status();
        assert.equal(next.steps.at(-1).status, "done");
      }));

    test("a registration while quiesced takes part, and is kept later", () =>
      inGuest(async (guest) => {
        const file = join(guest.run, "hooks.json");
        const agent = await guest.start();
        await guest.app.connect(guest.socket);
        await agent.settle();
        const reply = await guest.db.register(guest.socket);
        assert.deepEqual(reply, { status: 201, name: "db", kept: false });
        assert.ok(!existsSync(file), "nothing is written while quiesced");
        await agent.health();
        assert.match(readFileSync(file, "utf8"), /"db"/);
        // Nothing was owed to it, as it got no freeze.
        assert.deepEqual(guest.db.calls, []);
        await guest.killQuiesced(agent);
        await guest.start();
        assert.equal(last(guest.db.calls), "thaw");
      }));
  });
}
