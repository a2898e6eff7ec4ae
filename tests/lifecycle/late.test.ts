import assert from "node:assert/strict";
import { test } from "node:test";
import { LateRepairs } from "../../src/lifecycle/late.ts";
import type { Recovery } from "../../src/lifecycle/recovery.ts";
import type { Effect, StepReport } from "../../src/lifecycle/step.ts";
import { wasReseeded } from "../../src/steps/entropy.ts";

const ENTROPY = new Uint8Array(16);

function recovery(clock: StepReport["status"], reseeded: boolean): Recovery {
  return {
    operation: "op",
    trigger: "evidence",
    outcome: "restored",
    generation: 1,
    ms: 1,
    steps: [
      { name: "entropy", status: "done", ms: 1, effect: { reseeded } },
      { name: "clock", status: clock, ms: 1 },
    ],
  };
}

/** Late repairs whose every run is seen. */
function make(effect: Effect = { reseeded: true }) {
  const ran: string[] = [];
  const repair = (name: string) => ({
    name,
    limitMs: 1000,
    repair() {
      ran.push(name);
      return effect;
    },
  });
  const late = new LateRepairs({
    entropy: repair("entropy"),
    clock: repair("clock"),
    wasReseeded,
  });
  return { late, ran };
}

test("a clock without a source is set when the host's time comes, once", async () => {
  const { late, ran } = make();
  late.note(recovery("skipped", true), {});
  await late.offer({});
  assert.deepEqual(ran, []);
  await late.offer({ hostTime: 1 });
  await late.offer({ hostTime: 2 });
  assert.deepEqual(ran, ["clock"]);
  assert.deepEqual(late.reports.map(({ name }) => name), ["clock"]);
});

test("what the recovery did is not done again", async () => {
  const { late, ran } = make();
  late.note(recovery("done", true), {});
  await late.offer({ hostTime: 1, entropy: ENTROPY });
  assert.deepEqual(ran, []);
});

test("nothing is owed before the first recovery", async () => {
  const { late, ran } = make();
  await late.offer({ hostTime: 1, entropy: ENTROPY, requireEntropy: true });
  assert.deepEqual(ran, []);
  assert.equal(late.lacksEntropy, false);
});

test("required entropy is lacking until a reseed that really happened", async () => {
  const { late, ran } = make();
  late.note(recovery("done", false), { requireEntropy: true });
  assert.equal(late.lacksEntropy, true);
  await late.offer({ entropy: ENTROPY });
  assert.deepEqual(ran, ["entropy"]);
  assert.equal(late.lacksEntropy, false);
});

test("a reseed that the kernel refused still lacks", async () => {
  const { late } = make({ reseeded: false });
  late.note(recovery("done", false), { requireEntropy: true });
  await late.offer({ entropy: ENTROPY });
  assert.equal(late.lacksEntropy, true);
});

test("the requirement may come after the recovery, and be taken back", async () => {
  const { late } = make();
  late.note(recovery("done", false), {});
  assert.equal(late.lacksEntropy, false);
  await late.offer({ requireEntropy: true });
  assert.equal(late.lacksEntropy, true);
  await late.offer({ requireEntropy: false });
  assert.equal(late.lacksEntropy, false);
});

test("the next recovery starts afresh", async () => {
  const { late } = make();
  late.note(recovery("skipped", false), { requireEntropy: true });
  await late.offer({ hostTime: 1 });
  assert.equal(late.reports.length, 1);
  late.note(recovery("done", true), {});
  assert.equal(late.reports.length, 0);
  assert.equal(late.lacksEntropy, false);
});
