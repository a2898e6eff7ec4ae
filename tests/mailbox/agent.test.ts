/** A real agent, whose recoveries find this fork's data without a call of the host. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PrepareReportDocument } from "../../src/http/routes/documents.ts";
import { runtimeName } from "../../src/runtime/mod.ts";
import { TestAgent } from "../support/agent.ts";
import type { Round } from "../support/namespace/mailbox.ts";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

const script = new URL("../support/namespace/mailbox.ts", import.meta.url);

function stepOf({ recovery }: Round, wanted: string) {
  return recovery.steps.find(({ name }: { name: string }) => name === wanted);
}

describe("an agent with a mailbox", { skip: namespaceProblem() }, () => {
  for (const kind of ["file", "mmds"] as const) {
    test(`gets its identity from it: ${kind}`, async () => {
      const [empty, first, known, wrong, second] = await inNamespace<Round[]>(
        script,
        { kind },
      );
      const source = kind === "mmds"
        ? "mmds"
        : stepOf(first, "mailbox").effect.source;
      assert.deepEqual(empty.prepare.effect, { source, hasContent: false });
      assert.equal(stepOf(empty, "mailbox").status, "skipped");
      assert.equal(
        stepOf(empty, "mailbox").reason,
        `the mailbox ${source} is empty`,
      );
      assert.equal(empty.hostname, "template");

      assert.equal(first.hostname, "fork-1");
      assert.deepEqual(first.addresses, ["10.0.2.21/24"]);
      assert.equal(first.recovery.trigger, "health");
      assert.equal(first.recovery.outcome, "restored");
      assert.deepEqual(stepOf(first, "mailbox").effect, {
        source,
        fields: [
          ...["outcome", "hostTime", "entropy", "network"],
          ...["credentials", "env"],
        ],
      });
      assert.equal(first.env, 'FORK="one"\n');
      assert.equal(first.secret, "fork-1's own");
      assert.deepEqual(stepOf(first, "entropy").effect.sources, ["request"]);
      assert.equal(stepOf(first, "network").status, "done");

      // The prepare has removed the secret, and the known content does not bring it back.
      assert.equal(known.secret, "");
      assert.equal(known.prepare.status, "skipped");
      assert.match(stepOf(known, "mailbox").reason, /is known$/);
      assert.equal(stepOf(known, "network").status, "skipped");
      assert.equal(known.recovery.outcome, "resumed");

      assert.equal(stepOf(wrong, "mailbox").status, "failed");
      assert.match(
        stepOf(wrong, "mailbox").reason,
        /^Cannot use the content of the mailbox \S+: network\.hostname: expected /,
      );
      assert.equal(wrong.hostname, "fork-1");

      assert.equal(second.hostname, "fork-2");
      assert.deepEqual(second.addresses, ["10.0.2.22/24"]);
    });
  }

  test("says that it cannot read it, and recovers all the same", async () => {
    await using agent = await TestAgent.start(runtimeName(), [
      "--mailbox=/none/such",
    ]);
    const prepared = (await agent.settle()).json<PrepareReportDocument>();
    const failed = prepared.steps
      .find(({ name }) => name === "mailbox");
    assert.ok(failed);
    assert.equal(failed.status, "failed");
    assert.match(failed.reason ?? "", /ENOENT/);
    assert.equal((await agent.health()).status, 200);
    const { state, lastRecovery } = await agent.status();
    assert.equal(state, "running");
    assert.equal(lastRecovery.steps[0].name, "mailbox");
    assert.equal(lastRecovery.steps[0].status, "failed");
  });
});
