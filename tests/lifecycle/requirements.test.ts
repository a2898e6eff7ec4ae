import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeferredRepairs } from "../../src/lifecycle/deferred_repairs.ts";
import type { Recovery } from "../../src/lifecycle/reports.ts";
import type { RecoverRequest } from "../../src/lifecycle/request.ts";
import type { Effect } from "../../src/lifecycle/step.ts";
import { ENTROPY, make, recovery } from "./deferred.ts";

describe("required entropy", () => {
  test("is lacking until a reseed that really happened", async () => {
    const { deferred, apply } = make();
    deferred.begin(recovery({ reseeded: false }), { requireEntropy: true });
    assert.equal(deferred.requirements.lacksEntropy, true);
    await apply({ entropy: ENTROPY });
    assert.equal(deferred.requirements.lacksEntropy, false);
  });

  test("is lacking while the kernel refuses it", async () => {
    const { deferred, apply } = make({ entropy: { reseeded: false } });
    deferred.begin(recovery({ reseeded: false }), { requireEntropy: true });
    await apply({ entropy: ENTROPY });
    assert.equal(deferred.requirements.lacksEntropy, true);
  });

  test("may be required late, and withdrawn", async () => {
    const { deferred, apply } = make();
    deferred.begin(recovery({ reseeded: false }), {});
    assert.equal(deferred.requirements.lacksEntropy, false);
    await apply({ requireEntropy: true });
    assert.equal(deferred.requirements.lacksEntropy, true);
    await apply({ requireEntropy: false });
    assert.equal(deferred.requirements.lacksEntropy, false);
  });

  test("outlives a second recovery that says nothing of it", () => {
    const { deferred } = make();
    deferred.begin(recovery({ reseeded: false }), { requireEntropy: true });
    deferred.begin(recovery({ reseeded: false }), {});
    assert.equal(deferred.requirements.lacksEntropy, true);
    deferred.undone(recovery({ outcome: "aborted" }));
    assert.equal(deferred.requirements.lacksEntropy, true);
    deferred.begin(recovery({ reseeded: true }), {});
    assert.equal(deferred.requirements.lacksEntropy, false);
    deferred.begin(recovery({ reseeded: false }), {});
    assert.equal(deferred.requirements.lacksEntropy, false, "it was met");
  });
});

describe("a required identity", () => {
  const items = (...statuses: string[]) => ({
    items: statuses.map((status) => ({ item: "machine-id", status })),
  });
  const renewedBy = (effect: Effect): Recovery => ({
    ...recovery(),
    steps: [{ name: "renew", status: "done", ms: 1, effect }],
  });

  test("is lacking until every item is renewed or absent", async () => {
    const { deferred, apply } = make({ renew: items("renewed", "absent") });
    deferred.begin(renewedBy(items("renewed", "failed")), {
      requireRenewed: true,
      renew: ["machine-id"],
    });
    assert.equal(deferred.requirements.lacksIdentity, true);
    assert.equal(deferred.requirements.renewal?.done, false);
    assert.deepEqual(await apply({ renew: ["machine-id"] }), []);
    assert.equal(deferred.requirements.lacksIdentity, false);
    assert.equal(deferred.requirements.renewal?.done, true);
  });

  test("is lacking if no item was asked for, and can be withdrawn", async () => {
    const { deferred, apply } = make({ renew: items("renewed") });
    deferred.begin(recovery(), {});
    assert.equal(deferred.requirements.renewal, undefined);
    await apply({ requireRenewed: true });
    assert.equal(deferred.requirements.lacksIdentity, true);
    assert.deepEqual(deferred.requirements.renewal, {
      ...{ required: true, done: false, items: [] },
    });
    await apply({ requireRenewed: false });
    assert.equal(deferred.requirements.lacksIdentity, false);
    await apply({ requireRenewed: true, renew: ["machine-id"] });
    assert.equal(deferred.requirements.lacksIdentity, false);
  });

  test("holds for the next fork, too, until it is met", () => {
    const { deferred } = make();
    deferred.begin(recovery(), { requireRenewed: true });
    deferred.begin(recovery(), {});
    assert.equal(deferred.requirements.lacksIdentity, true);
    deferred.begin(renewedBy(items("renewed")), { renew: ["machine-id"] });
    assert.equal(deferred.requirements.lacksIdentity, false);
    deferred.begin(recovery(), {});
    assert.equal(deferred.requirements.lacksIdentity, false, "it was met");
  });
});

test("what is required and not met is told, before the repairs that may meet it", async () => {
  const told: string[] = [];
  const deferred = new DeferredRepairs(
    [{
      name: "entropy",
      limitMs: 1000,
      repair: () => {
        told.push("repair");
        return { reseeded: true };
      },
    }],
    { onRequired: (required) => void told.push(JSON.stringify(required)) },
  );
  const missing = '{"entropy":true,"identity":false}';
  const nothing = '{"entropy":false,"identity":false}';
  deferred.requirements.announce({ requireEntropy: true });
  assert.deepEqual(told.splice(0), [missing]);
  deferred.begin(recovery({ reseeded: false }), { requireEntropy: true });
  assert.deepEqual(told.splice(0), []);
  await deferred.applyLate("recover", { entropy: ENTROPY });
  assert.deepEqual(told.splice(0), ["repair", nothing]);
  await deferred.applyLate("recover", { requireRenewed: true });
  assert.deepEqual(told.splice(0), ['{"entropy":false,"identity":true}']);
  await deferred.applyLate("recover", { requireRenewed: false });
  assert.deepEqual(told.splice(0), [nothing]);
});

test("what was required of a killed agent is required of the next one", async () => {
  const required = { entropy: true, identity: true };
  const deferred = new DeferredRepairs([], { required });
  assert.ok(
    deferred.requirements.lacksEntropy && deferred.requirements.lacksIdentity,
  );
  deferred.begin(recovery({ reseeded: true }), {});
  assert.ok(
    !deferred.requirements.lacksEntropy && deferred.requirements.lacksIdentity,
  );
  await deferred.applyLate("recover", { requireRenewed: false });
  assert.ok(!deferred.requirements.lacksIdentity);
});

test("a required identity is missing while late items are renewed", async () => {
  const done = Promise.withResolvers<void>();
  const { requirements, ...deferred } = late(done.promise);
  await deferred.apply({ requireRenewed: true, renew: ["boot-id"] });
  assert.ok(!requirements.lacksIdentity);
  const applied = deferred.apply({ renew: ["ssh-host-keys"] });
  await Promise.resolve();
  assert.ok(requirements.lacksIdentity);
  done.resolve();
  await applied;
  assert.ok(!requirements.lacksIdentity);
});

/** A repair `renew` whose item ssh-host-keys waits for the promise. */
function late(waits: Promise<void>) {
  const deferred = new DeferredRepairs([{
    name: "renew",
    limitMs: 1000,
    async repair({ request: { renew = [] } }) {
      if (renew.includes("ssh-host-keys")) await waits;
      return { items: renew.map((item) => ({ item, status: "renewed" })) };
    },
  }]);
  const { requirements } = deferred;
  const apply = (request: RecoverRequest) =>
    deferred.applyLate("recover", request);
  return { requirements, apply };
}
