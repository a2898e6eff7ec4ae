import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../../src/lifecycle/step.ts";
import { ENTROPY, make, recovery } from "./deferred.ts";

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
