import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeferredRepairs } from "../../src/lifecycle/deferred_repairs.ts";
import type { Recovery } from "../../src/lifecycle/reports.ts";
import type { RecoverRequest } from "../../src/lifecycle/request.ts";
import type { Effect, Skipped } from "../../src/lifecycle/step.ts";

const ENTROPY = new Uint8Array(16);

function recovery(
  { clock = "done", reseeded = true, outcome = "resumed" }: {
    clock?: "done" | "skipped" | "failed";
    reseeded?: boolean;
    outcome?: Recovery["outcome"];
  } = {},
): Recovery {
  return {
    operation: "op",
    kind: "full",
    trigger: "evidence",
    outcome,
    generation: 1,
    ms: 1,
    steps: [
      { name: "entropy", status: "done", ms: 1, effect: { reseeded } },
      { name: "clock", status: clock, ms: 1 },
      { name: "network", status: "skipped", ms: 1 },
    ],
  };
}

/** Repairs whose every run is seen, in order, with its outcome. */
function make(results: Record<string, Effect | Skipped | Error> = {}) {
  const ran: string[] = [];
  const repair = (name: string) => ({
    name,
    limitMs: 1000,
    repair({ outcome }: { outcome: string }) {
      ran.push(`${name} ${outcome}`);
      const result = results[name] ?? { reseeded: true };
      if (result instanceof Error) throw result;
      return result;
    },
  });
  const deferred = new DeferredRepairs(
    [
      ...["entropy", "clock", "network", "renew", "credentials", "env"],
      ...["reset-connections", "generation"],
    ]
      .map(repair),
  );
  const apply = (request: RecoverRequest) =>
    deferred.applyLate("recover", request);
  return { deferred, ran, apply };
}

test("each field that comes late is applied and reported", async () => {
  const { deferred, ran, apply } = make();
  deferred.begin(recovery({ clock: "skipped", reseeded: false }), {});
  assert.deepEqual(
    await apply({
      network: { hostname: "fork" },
      entropy: ENTROPY,
      hostTime: 1,
    }),
    [],
  );
  assert.deepEqual(ran, [
    "entropy resumed",
    "clock resumed",
    "network resumed",
  ]);
  assert.deepEqual(
    deferred.reports.map(({ name, status }) => `${name} ${status}`),
    ["entropy done", "clock done", "network done"],
  );
});

test("a request without data runs nothing", async () => {
  const { deferred, ran, apply } = make();
  deferred.begin(recovery({ clock: "skipped" }), {});
  assert.deepEqual(await apply({ receivedAt: 5 }), []);
  assert.deepEqual(ran, []);
});

test("a field whose repair fails or is skipped is named, the others are applied", async () => {
  const { deferred, apply } = make({
    entropy: { reseeded: false },
    clock: { skipped: "no libc" },
    network: new Error("no such interface"),
  });
  deferred.begin(recovery(), {});
  assert.deepEqual(
    await apply({
      entropy: ENTROPY,
      hostTime: 1,
      network: { hostname: "fork" },
      outcome: "aborted",
    }),
    ["entropy", "hostTime", "network"],
  );
  assert.equal(deferred.recovery?.outcome, "aborted");
});

test("a recovery that could not apply a field of its own request names it", () => {
  const { deferred } = make();
  const notApplied = deferred.begin(
    recovery({ clock: "failed", reseeded: false }),
    { hostTime: 1, entropy: ENTROPY, network: { hostname: "fork" } },
  );
  assert.deepEqual(notApplied, ["entropy", "hostTime", "network"]);
  assert.deepEqual(deferred.begin(recovery(), { hostTime: 1 }), []);
});

test("an identity that is sent again is not applied again", async () => {
  const { deferred, ran, apply } = make();
  deferred.begin(recovery(), {});
  assert.deepEqual(await apply({ network: { hostname: "fork" } }), []);
  assert.deepEqual(await apply({ network: { hostname: "fork" } }), []);
  assert.deepEqual(ran, ["network resumed"]);
  await apply({ network: { hostname: "other" } });
  assert.deepEqual(ran, ["network resumed", "network resumed"]);
});

test("requests that come together are applied one after the other", async () => {
  const { deferred, apply, ran } = make();
  deferred.begin(recovery(), {});
  await Promise.all([
    apply({ entropy: ENTROPY, hostTime: 1 }),
    apply({ entropy: ENTROPY, outcome: "restored" }),
  ]);
  await deferred.idle;
  assert.deepEqual(ran, [
    "entropy resumed",
    "clock resumed",
    "entropy resumed",
    "reset-connections restored",
    "generation restored",
  ]);
});

describe("the outcome", () => {
  test("a late restore resets connections and is published", async () => {
    for (const former of ["resumed", "expired"] as const) {
      const { deferred, ran, apply } = make();
      deferred.begin(recovery({ outcome: former }), {});
      assert.deepEqual(await apply({ outcome: "restored" }), []);
      assert.deepEqual(ran, [
        "reset-connections restored",
        "generation restored",
      ]);
      assert.equal(deferred.recovery?.outcome, "restored");
      assert.deepEqual(deferred.reports.at(-1)?.effect, {
        from: former,
        to: "restored",
      });
    }
  });

  test("what was done for a restore cannot be undone: the field is named", async () => {
    const { deferred, ran, apply } = make();
    deferred.begin(recovery({ outcome: "restored" }), {});
    assert.deepEqual(await apply({ outcome: "resumed" }), ["outcome"]);
    assert.deepEqual(await apply({ outcome: "restored" }), []);
    assert.deepEqual(ran, []);
    assert.equal(deferred.recovery?.outcome, "restored");
  });

  test("a restore whose connections cannot be reset is not claimed", async () => {
    const { deferred, apply } = make({
      "reset-connections": new Error("no netlink"),
    });
    deferred.begin(recovery(), {});
    assert.deepEqual(await apply({ outcome: "restored" }), ["outcome"]);
    assert.equal(deferred.recovery?.outcome, "resumed");
  });

  test("an agent that never prepared has no outcome to change", async () => {
    const { apply, ran } = make();
    assert.deepEqual(await apply({ outcome: "restored", hostTime: 1 }), [
      "outcome",
    ]);
    assert.deepEqual(ran, ["clock resumed"]);
  });
});

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

test("credentials and variables that come late are applied, or named", async () => {
  const { deferred, apply, ran } = make({ env: new Error("no space") });
  deferred.begin(recovery(), {});
  assert.deepEqual(await apply({ credentials: new Map(), env: {} }), ["env"]);
  assert.deepEqual(ran, ["credentials resumed", "env resumed"]);
  assert.deepEqual(
    deferred.reports.map(({ name, status }) => `${name} ${status}`),
    ["credentials done", "env failed"],
  );
});

test("health checks set the clock once", async () => {
  const { deferred, ran } = make();
  const check = () => deferred.applyLate("health", { hostTime: 1 });
  await check();
  assert.deepEqual(ran, [], "without a recovery");
  deferred.begin(recovery({ clock: "skipped" }), {});
  await check();
  await check();
  assert.deepEqual(ran, ["clock resumed"]);
});

test("the next recovery begins with an empty list", async () => {
  const { deferred, apply } = make();
  deferred.begin(recovery({ clock: "skipped" }), {});
  await apply({ hostTime: 1 });
  assert.equal(deferred.reports.length, 1);
  deferred.begin(recovery(), {});
  assert.equal(deferred.reports.length, 0);
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

test("after an identity that failed, the former one is applied again", async () => {
  const results: Record<string, Effect | Error> = {};
  const { deferred, ran, apply } = make(results);
  deferred.begin(recovery(), {});
  const [former, next] = [{ hostname: "a" }, { hostname: "b" }];
  assert.deepEqual(await apply({ network: former }), []);
  results.network = new Error("not undone: hosts");
  assert.deepEqual(await apply({ network: next }), ["network"]);
  delete results.network;
  ran.length = 0;
  assert.deepEqual(await apply({ network: former }), []);
  assert.deepEqual(ran, ["network resumed"]);
});
