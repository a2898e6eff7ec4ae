/**
 * Data of the host that comes after the recovery, as the lifecycle takes it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { fakePlan, gate } from "../support/fake_plan.ts";
import { until } from "../support/until.ts";

/** A lifecycle whose repairs note the data that they get. */
function start(undo?: () => Promise<void>, onQuiet?: () => void) {
  const { plan, seen } = fakePlan([{ name: "a", undo }]);
  const note = (name: string, field: string) => ({
    name,
    limitMs: 1000,
    repair({ request }: { request: object }) {
      const value = (request as Record<string, unknown>)[field];
      if (value === undefined) return { skipped: "no data" };
      seen.push(`${name} ${JSON.stringify(value)}`);
      return {};
    },
  });
  let id = 0;
  const lifecycle = new Lifecycle({
    plan: {
      ...plan,
      repairs: [note("clock", "hostTime"), note("network", "network")],
    },
    leaseSeconds: 600,
    newId: () => `op-${++id}`,
    onQuiet,
  });
  return { lifecycle, seen };
}

const HEALTH = { trigger: "health" } as const;
const RECOVER = { trigger: "recover" } as const;
const DATA = { hostTime: 5, network: { hostname: "fork" } };

test("a recover after a bare health check applies its data", async () => {
  const { lifecycle, seen } = start();
  await lifecycle.prepare();
  await lifecycle.recover(HEALTH);
  assert.deepEqual(await lifecycle.recover(RECOVER, DATA), { notApplied: [] });
  assert.ok(seen.includes("clock 5"));
  assert.ok(seen.includes('network {"hostname":"fork"}'));
  assert.equal(lifecycle.deferred.reports.length, 2);
});

test("a recover that comes while a health check recovers applies its data", async () => {
  const { open, opened } = gate();
  const { lifecycle, seen } = start(() => opened);
  await lifecycle.prepare();
  const health = lifecycle.recover(HEALTH);
  const recover = lifecycle.recover(RECOVER, DATA);
  // A prepare that waits for the same recovery begins after the data.
  const prepare = lifecycle.prepare();
  open();
  const { recovery } = await health;
  assert.deepEqual(await recover, { recovery, notApplied: [] });
  await prepare;
  const order = seen.filter((s) => /^(clock|do a)/.test(s));
  assert.deepEqual(order, ["do a", "clock 5", "do a"]);
  await lifecycle.recover(HEALTH);
});

test("a recover that aborts a prepare applies its data", async () => {
  const { lifecycle, seen } = start();
  const prepare = assert.rejects(lifecycle.prepare());
  const { recovery, notApplied } = await lifecycle.recover(RECOVER, DATA);
  await prepare;
  assert.equal(recovery?.outcome, "aborted");
  assert.deepEqual(notApplied, []);
  await until("the data", () => seen.includes("clock 5"));
});

test("the time in a health check is applied once", async () => {
  const { lifecycle, seen } = start();
  await lifecycle.prepare();
  await lifecycle.recover(HEALTH);
  for (const hostTime of [5, 6, 7]) {
    await lifecycle.recover(HEALTH, { hostTime });
  }
  assert.deepEqual(seen.filter((s) => s.startsWith("clock")), ["clock 5"]);
});

test("a guest that never prepared applies what it is told", async () => {
  const { lifecycle, seen } = start();
  const { recovery, notApplied } = await lifecycle.recover(RECOVER, {
    ...DATA,
    outcome: "restored",
  });
  assert.equal(recovery, undefined);
  assert.deepEqual(notApplied, ["outcome"]);
  assert.ok(seen.includes("clock 5"));
});

test("no data is lost if several calls come just before the guest is quiesced", async () => {
  const calls: ReturnType<Lifecycle["recover"]>[] = [];
  const { lifecycle, seen } = start(undefined, () => {
    // The prepare cannot be aborted any more.
    calls.push(lifecycle.recover(RECOVER, { network: { hostname: "a" } }));
    calls.push(lifecycle.recover(RECOVER, { hostTime: 7 }));
  });
  await lifecycle.prepare();
  const [first, second] = await Promise.all(calls);
  assert.equal(lifecycle.state, "running");
  assert.ok(first.recovery);
  assert.deepEqual([first.notApplied, second.notApplied], [[], []]);
  assert.ok(seen.includes('network {"hostname":"a"}'), `${seen}`);
  assert.ok(seen.includes("clock 7"), `${seen}`);
});

test("no prepare begins beside a late repair that does not stop", async () => {
  const { open, opened } = gate();
  const { plan, seen } = fakePlan([{ name: "a" }]);
  const lifecycle = new Lifecycle({
    plan: {
      ...plan,
      repairs: [{
        name: "env",
        limitMs: 10,
        repair: () => opened.then(() => ({})),
      }],
    },
    leaseSeconds: 600,
    newId: () => "op",
  });
  const { notApplied } = await lifecycle.recover(RECOVER, { env: {} });
  assert.deepEqual(notApplied, ["env"]);
  await assert.rejects(lifecycle.prepare(), /the late repair env still runs/);
  assert.deepEqual(seen, []);
  open();
  await lifecycle.prepare();
  assert.deepEqual(seen, ["do a"]);
});
