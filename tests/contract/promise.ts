/**
 * What hosts rely on: leases, operations by their id, and data that comes late.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { after, afterEach, before, describe, test } from "node:test";
import type { Target, TestAgent } from "../support/agent.ts";
import { Guest, waitingHook } from "../support/guest.ts";
import { until } from "../support/until.ts";

interface Problem {
  readonly type: string;
  readonly detail?: string;
  readonly fields?: readonly string[];
  readonly late?: readonly { name: string; status: string }[];
  readonly report?: { readonly undo: { trigger: string; outcome: string } };
}

const noRoot = process.getuid?.() === 0 ? false : "needs root";

/** Everything that the transaction promises beyond one host that does all well. */
export function promise(target: Target): void {
  describe(`the promise on ${target}`, () => {
    let guest: Guest;
    let agent: TestAgent;
    before(async () => {
      guest = new Guest(target, waitingHook);
      // The connections of this machine are not the test's.
      agent = await guest.start("--no-reset-connections");
    });
    afterEach(async () => {
      guest.letGo("freeze");
      guest.letGo("thaw");
      await agent.ask("POST", "/snapshot/recover");
    });
    after(() => guest?.[Symbol.asyncDispose]());

    function calls(phase: string): number {
      return guest.calls.filter((call) => call === phase).length;
    }
    function prepare(query = "") {
      return agent.ask("POST", `/snapshot/prepare${query}`);
    }
    function recover(body: object) {
      return agent.ask("POST", "/snapshot/recover", JSON.stringify(body));
    }
    /** A prepare that waits in its freeze hook. */
    async function held(query = "") {
      const before = calls("freeze");
      guest.hold("freeze");
      const reply = prepare(query);
      await until("the freeze", () => calls("freeze") > before);
      return { reply };
    }

    test("every reply names its operation", async () => {
      const operation = "named";
      const prepared = await prepare(`?operation=${operation}&wait=settled`);
      const status = await agent.ask("GET", "/snapshot");
      const recovered = await recover({ operation });
      const health = await agent.health();
      for (const reply of [prepared, status, recovered, health]) {
        assert.equal(reply.status, 200, reply.body);
        assert.equal(reply.headers.get("lull-operation"), operation);
      }
    });

    test("a recover for another operation changes nothing", async () => {
      await prepare("?operation=one");
      const reply = await recover({ operation: "two", outcome: "restored" });
      assert.equal(reply.status, 409, reply.body);
      assert.equal(
        reply.json<Problem>().type,
        "urn:lull:problem:other-operation",
      );
      assert.equal((await agent.status()).state, "quiesced");
      assert.equal((await recover({ operation: "one" })).status, 200);
      assert.equal((await recover({ operation: "one" })).status, 200);
      assert.equal((await recover({ operation: "two" })).status, 409);
    });

    test("a prepare that joins gets its lease; one for another operation does not", async () => {
      const { reply } = await held("?operation=one&lease=5");
      const joined = prepare("?operation=one&lease=50");
      await until(
        "the longer lease",
        async () => (await agent.status()).lease.seconds === 50,
      );
      const other = await prepare("?operation=two&lease=500");
      assert.equal(other.status, 409, other.body);
      assert.equal((await agent.status()).lease.seconds, 50);
      guest.letGo("freeze");
      assert.equal((await reply).status, 204);
      assert.equal((await joined).status, 204);
      const { operation, lease } = await agent.status();
      assert.equal(operation.operation, "one");
      assert.ok(lease.left > 5);
    });

    test("the lease runs from the first step on", async () => {
      const { reply } = await held("?lease=0.3");
      const { status, body } = await reply;
      assert.equal(status, 503, body);
      const { detail, report } = JSON.parse(body) as Problem;
      assert.match(detail ?? "", /its lease ended/);
      assert.equal(report?.undo.trigger, "lease");
      assert.equal((await agent.status()).state, "running");
      await until(
        "a thaw for each freeze",
        () => calls("thaw") === calls("freeze"),
      );
    });

    test("a prepare that was aborted while its thaw runs holds up the next one", async () => {
      const { reply } = await held();
      guest.hold("thaw");
      const aborted = recover({});
      const before = calls("freeze");
      await until("the thaw", () => calls("thaw") === before);
      const next = prepare();
      assert.equal(calls("freeze"), before, "no freeze beside the thaw");
      guest.letGo("freeze");
      guest.letGo("thaw");
      assert.equal((await reply).status, 503);
      assert.equal((await aborted).status, 200);
      assert.equal((await next).status, 204);
      assert.equal(calls("freeze"), before + 1);
      assert.equal(calls("thaw"), before, "the guest is frozen");
    });

    for (const first of ["health", "recover"] as const) {
      test(`data after a bare ${first} is applied late`, async () => {
        await agent.settle();
        if (first === "health") await agent.health();
        else await recover({});
        const reply = await recover({
          hostTime: Date.now(),
          outcome: "restored",
        });
        assert.equal(reply.status, 200, reply.body);
        const { late } = reply.json<Problem>();
        assert.deepEqual(
          late?.map(({ name, status }) => `${name} ${status}`),
          [
            "clock done",
            "reset-connections skipped",
            "generation done",
            "outcome done",
          ],
        );
        const status = await agent.status();
        assert.equal(status.lastRecovery.outcome, "restored");
        assert.deepEqual(status.late, late);
      });
    }

    test("data that comes together with the health check is applied", async () => {
      for (let i = 0; i < 20; i++) {
        await agent.settle();
        const [health, reply] = await Promise.all([
          agent.health(),
          recover({ hostTime: Date.now(), outcome: "restored" }),
        ]);
        assert.equal(health.status, 200);
        assert.equal(reply.status, 200, reply.body);
        const { lastRecovery, late = [] } = await agent.status();
        assert.equal(lastRecovery.outcome, "restored");
        const clock = [...lastRecovery.steps, ...late].filter(
          ({ name }: { name: string }) => name === "clock",
        ).at(-1);
        assert.equal(clock.status, "done");
      }
    });

    test("a field that cannot be applied any more is named", async () => {
      await agent.settle();
      await recover({ outcome: "restored" });
      const reply = await recover({
        outcome: "resumed",
        hostTime: Date.now(),
        network: { interface: "lull-none", mac: "02:00:00:00:00:01" },
      });
      assert.equal(reply.status, 409, reply.body);
      const { type, fields, late } = reply.json<Problem>();
      assert.equal(type, "urn:lull:problem:fields-not-applied");
      assert.deepEqual(fields, ["network", "outcome"]);
      assert.equal(late?.find(({ name }) => name === "clock")?.status, "done");
      assert.equal((await agent.status()).lastRecovery.outcome, "restored");
    });

    test("a field that the recovery itself cannot apply is named", async () => {
      await agent.settle();
      const reply = await recover({
        network: { interface: "lull-none", mac: "02:00:00:00:00:01" },
      });
      assert.equal(reply.status, 409, reply.body);
      assert.deepEqual(reply.json<Problem>().fields, ["network"]);
      assert.equal((await agent.status()).state, "running");
    });

    test(
      "required entropy is required until it comes",
      { skip: noRoot },
      async () => {
        await agent.settle();
        const first = await recover({ requireEntropy: true });
        // A machine with a hardware source of its own has a new pool already.
        const lacks = first.status === 503;
        assert.equal((await agent.health()).status, lacks ? 503 : 200);
        await agent.settle();
        assert.equal((await recover({})).status, lacks ? 503 : 200);
        assert.equal((await agent.health()).status, lacks ? 503 : 200);
        const entropy = randomBytes(32).toString("base64");
        assert.equal((await recover({ entropy })).status, 200);
        assert.equal((await agent.health()).status, 200);
      },
    );
  });
}
