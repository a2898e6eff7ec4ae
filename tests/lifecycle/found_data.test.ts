/**
 * Data that a repair finds in the guest, as the mailbox does: the repairs after it, the undos and the
 * report get it as if the host had sent it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import type { RecoverRequest } from "../../src/lifecycle/request.ts";
import { Found, type RecoveryContext } from "../../src/lifecycle/step.ts";
import { fakePlan } from "../support/fake_plan.ts";

/** A lifecycle whose first repair finds this, or throws it. */
function start(found: RecoverRequest | Error, fails: readonly string[] = []) {
  const contexts: RecoveryContext[] = [];
  const { plan } = fakePlan([{
    name: "a",
    undo: (context) => void contexts.push(context),
  }]);
  const repair = (
    name: string,
    action: (context: RecoveryContext) => object,
  ) => ({
    ...{ name, limitMs: 1000 },
    repair(context: RecoveryContext) {
      if (fails.includes(name)) throw new Error("no");
      return action(context) as Record<string, unknown>;
    },
  });
  const lifecycle = new Lifecycle({
    plan: {
      ...plan,
      repairs: [
        repair("mailbox", () => {
          if (found instanceof Error) throw found;
          return new Found({ source: "here" }, found);
        }),
        repair("network", (context) => {
          contexts.push(context);
          return {};
        }),
        repair("entropy", () => ({ reseeded: true })),
      ],
    },
    leaseSeconds: 600,
    newId: () => "op",
  });
  return { lifecycle, contexts };
}

const HEALTH = { trigger: "health" } as const;
const RECOVER = { trigger: "recover" } as const;
const NETWORK = { hostname: "fork" };

test("later repairs and undos get the data, and the outcome in it counts", async () => {
  const { lifecycle, contexts } = start({
    ...{ network: NETWORK, outcome: "restored", receivedAt: 3, hostTime: 5 },
  });
  await lifecycle.prepare();
  const { recovery, notApplied } = await lifecycle.recover(HEALTH);
  assert.deepEqual(notApplied, []);
  assert.equal(recovery?.outcome, "restored");
  assert.deepEqual(recovery.steps.map(({ name }) => name), [
    ...["mailbox", "network", "entropy", "a"],
  ]);
  assert.deepEqual(recovery.steps[0].effect, { source: "here" });
  assert.equal(contexts.length, 2);
  for (const { request, outcome } of contexts) {
    assert.equal(outcome, "restored");
    assert.deepEqual(request.network, NETWORK);
    assert.deepEqual([request.hostTime, request.receivedAt], [5, 3]);
  }
});

test("what the host sends counts instead", async () => {
  const { lifecycle, contexts } = start({
    ...{ network: NETWORK, outcome: "restored", hostTime: 5, receivedAt: 6 },
  });
  await lifecycle.prepare();
  const own = { outcome: "resumed", hostTime: 7, receivedAt: 8 } as const;
  const { recovery } = await lifecycle.recover(RECOVER, own);
  assert.equal(recovery?.outcome, "resumed");
  assert.deepEqual(contexts[0].request, { ...own, network: NETWORK });
});

test("a time that was found does not get the arrival of a call without time", async () => {
  const { lifecycle, contexts } = start({ hostTime: 5, receivedAt: 6 });
  await lifecycle.prepare();
  await lifecycle.recover(RECOVER, { receivedAt: 8 });
  assert.deepEqual(contexts[0].request, { hostTime: 5, receivedAt: 6 });
});

test("data that was found is not applied again if the host sends it late", async () => {
  const { lifecycle, contexts } = start({ network: NETWORK });
  await lifecycle.prepare();
  await lifecycle.recover(HEALTH);
  const { notApplied } = await lifecycle.recover(RECOVER, { network: NETWORK });
  assert.deepEqual(notApplied, []);
  assert.equal(contexts.length, 2);
});

test("a call does not answer for data that was found and cannot be applied", async () => {
  const { lifecycle } = start({ network: NETWORK }, ["network"]);
  await lifecycle.prepare();
  const { notApplied, recovery } = await lifecycle.recover(RECOVER, {});
  assert.deepEqual(notApplied, []);
  assert.equal(recovery?.steps[1].status, "failed");
});

test("a search that fails is reported, and the recovery goes on", async () => {
  const { lifecycle, contexts } = start(new Error("it is no JSON"));
  await lifecycle.prepare();
  const { recovery } = await lifecycle.recover(HEALTH);
  const { name, status, reason } = recovery!.steps[0];
  assert.deepEqual([name, status, reason], [
    ...["mailbox", "failed", "it is no JSON"],
  ]);
  assert.equal(recovery!.outcome, "resumed");
  assert.deepEqual(contexts.map(({ request }) => request), [{}, {}]);
  assert.equal(lifecycle.state, "running");
});

test("required entropy that was found is required", async () => {
  const { lifecycle } = start({ requireEntropy: true }, ["entropy"]);
  await lifecycle.prepare();
  await lifecycle.recover(HEALTH);
  assert.equal(lifecycle.deferred.requirements.lacksEntropy, true);
});

test("a failed prepare searches nothing", async () => {
  const { lifecycle, contexts } = start({ network: NETWORK });
  const prepared = lifecycle.prepare().catch(() => {});
  await lifecycle.recover(RECOVER);
  await prepared;
  assert.ok(contexts.every(({ request }) => request.network === undefined));
});
