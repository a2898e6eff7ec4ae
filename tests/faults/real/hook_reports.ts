/**
 * What is said of hooks: their output to the caller of the operation alone, and
 * why one cannot run.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Target, TestAgent } from "../../support/agent.ts";
import { Guest } from "../../support/guest.ts";
import { script } from "../../support/hooks.ts";
import { RequestProgram } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

const SECRET = "hunter2";
const PRINTS = `#!/bin/sh\necho "password=${SECRET}"\n`;

/** How often a text has the secret. */
function told(text: string): number {
  return text.split(SECRET).length - 1;
}

/** Declares the tests for one target. */
export function hookReports(target: Target): void {
  describe(`what is said of hooks on ${target}`, () => {
    async function inGuest(
      text: string,
      work: (guest: Guest, agent: TestAgent) => Promise<void>,
    ): Promise<void> {
      await using guest = new Guest(target, () => text);
      await work(guest, await guest.start("--no-compact-memory"));
    }

    async function assertStatusSilent(agent: TestAgent): Promise<void> {
      assert.equal(told(JSON.stringify(await agent.status())), 0);
    }

    test("output goes to the caller and the log, not into the status", () =>
      inGuest(PRINTS, async (guest, agent) => {
        assert.equal(told((await agent.settle()).body), 1);
        await assertStatusSilent(agent);
        const recover = () => agent.ask("POST", "/snapshot/recover");
        assert.equal(told((await recover()).body), 1);
        assert.equal(told((await recover()).body), 0);
        await assertStatusSilent(agent);
        await until("the log", () => told(agent.output) === 2);
        // A health check has no reply for it.
        await agent.settle();
        assert.equal(told((await agent.health()).body), 0);
        assert.equal(told((await recover()).body), 0);
        await assertStatusSilent(agent);
        await until("the log", () => told(agent.output) === 4);
        // Nor has what a next agent did at its start.
        await agent.settle();
        await guest.kill(agent);
        const next = await guest.start();
        await assertStatusSilent(next);
        assert.equal(told(next.output), 1);
      }));

    test("output of what fails is in no reason", () =>
      inGuest(`${PRINTS}exit 3\n`, async (_, agent) => {
        const { status, body } = await agent.settle();
        assert.equal(status, 503);
        // Of the freeze, and of the thaw that followed.
        assert.equal(told(body), 2);
        const { detail, report } = JSON.parse(body);
        assert.match(detail, /hook 10-hook failed: exit code 3/);
        assert.equal(told(detail), 0);
        const [{ reason, effect }] = report.prepare.steps;
        assert.equal(told(reason), 0);
        assert.equal(effect.hooks[0].output, `password=${SECRET}`);
        await assertStatusSilent(agent);
        assert.deepEqual((await agent.status()).owedThaws?.length, 1);
      }));

    test("nor is what a program answers", () =>
      inGuest("#!/bin/sh\n", async (guest, agent) => {
        const db = new RequestProgram(guest.path, "db");
        await db.start();
        try {
          await db.register(guest.socket);
          db.answer = 500;
          db.words = SECRET;
          const { status, body } = await agent.settle();
          assert.equal(status, 503);
          assert.equal(told(body), 2);
          assert.equal(told(JSON.parse(body).detail), 0);
          await assertStatusSilent(agent);
        } finally {
          db.stop();
        }
      }));

    const cannotRun: [string, string, RegExp][] = [
      [
        "an interpreter that is missing is named",
        "#!/no/such/interpreter\n",
        /its interpreter \/no\/such\/interpreter does not exist: install it/,
      ],
      [
        "CRLF line ends are named",
        "#!/bin/sh\r\nexit 0\r\n",
        /its lines end in CRLF, therefore .* "\/bin\/sh\\r": convert them to LF/,
      ],
    ];
    for (const [what, text, why] of cannotRun) {
      test(what, () =>
        inGuest(text, async (guest, agent) => {
          const { status, body } = await agent.settle();
          assert.equal(status, 503);
          const { detail } = JSON.parse(body);
          assert.ok(detail.includes(`Cannot run ${guest.hook}: `), detail);
          assert.match(detail, why);
          // It got no freeze, so no thaw is owed to it.
          assert.equal((await agent.status()).owedThaws, undefined);
          // Once it is right, the next prepare holds.
          script(guest.hook, "#!/bin/sh\n");
          assert.equal((await agent.settle()).status, 200);
        }));
    }
  });
}
