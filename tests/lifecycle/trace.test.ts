import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventStream } from "../../src/hooks/stream.ts";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import { PrepareFailed } from "../../src/lifecycle/recovery.ts";
import { parseTraceparent, Trace } from "../../src/lifecycle/trace.ts";
import { fakePlan, type FakeStep } from "../support/fake_plan.ts";
import { FREEZE } from "../support/hooks.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID = "00f067aa0ba902b7";
const VALID = `00-${TRACE_ID}-${PARENT_ID}-01`;

/** A trace whose ids are 1, 2, 3 and so on, in the order in which they are made. */
function begin(name: string) {
  let count = 0;
  const newId = () => String(++count).padStart(16, "0").padEnd(32, "f");
  return new Trace(parseTraceparent(VALID)!, name, newId);
}

function start(steps: FakeStep[]) {
  return new Lifecycle({
    plan: fakePlan(steps).plan,
    leaseSeconds: 600,
    newId: () => "op",
  });
}

describe("traceparent", () => {
  test("is read", () => {
    const read = { traceId: TRACE_ID, parentId: PARENT_ID, sampled: true };
    assert.deepEqual(parseTraceparent(VALID), read);
    const unsampled = VALID.replace(/01$/, "00");
    assert.equal(parseTraceparent(unsampled)?.sampled, false);
    // Flags that version 00 does not define are ignored.
    assert.equal(parseTraceparent(VALID.replace(/01$/, "fe"))?.sampled, false);
    assert.equal(parseTraceparent(VALID.replace(/01$/, "ff"))?.sampled, true);
  });

  test("of a later version is read, with more fields too", () => {
    assert.ok(parseTraceparent(VALID.replace(/^00/, "cc")));
    assert.ok(parseTraceparent(`${VALID.replace(/^00/, "cc")}-more`));
  });

  test("that is malformed is ignored", () => {
    for (
      const wrong of [
        ...["", "00", `${VALID}-more`, `${VALID}0`, ` ${VALID}`, `${VALID}\n`],
        ...[VALID.toUpperCase(), VALID.replace(/^00/, "ff")],
        ...[VALID.replace(TRACE_ID, "0".repeat(32)), `${VALID},${VALID}`],
        ...[VALID.replace(PARENT_ID, "0".repeat(16)), VALID.replace("-", "_")],
        VALID.replace(/^00/, "cc") + "more",
      ]
    ) {
      assert.equal(parseTraceparent(wrong), undefined, JSON.stringify(wrong));
    }
  });
});

describe("the spans of a round", () => {
  test("of the prepare have its steps, and the parents in order", async () => {
    const seen: (string | undefined)[] = [];
    const lifecycle = start([
      { name: "a", quiesce: ({ span }) => void seen.push(span?.traceparent) },
      { name: "b" },
    ]);
    const trace = begin("prepare");
    const operation = await lifecycle.prepare({ trace });
    assert.equal(operation.call.trace, trace);
    const { traceId, sampled, spans } = trace.report();
    assert.equal(traceId, TRACE_ID);
    assert.equal(sampled, true);
    const [root, a, b] = spans;
    assert.equal(spans.length, 3);
    assert.deepEqual([root.name, a.name, b.name], ["prepare", "a", "b"]);
    assert.equal(root.parentId, PARENT_ID);
    assert.equal(a.parentId, root.spanId);
    assert.equal(b.parentId, root.spanId);
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 3);
    assert.deepEqual(seen, [`00-${TRACE_ID}-${a.spanId}-01`]);
    for (const { start, end } of spans) {
      assert.match(start, /^\d{19}$/);
      assert.ok(BigInt(start) >= BigInt(root.start));
      assert.ok(BigInt(end!) <= BigInt(root.end!));
      assert.ok(BigInt(start) <= BigInt(end!));
    }
    assert.ok(Math.abs(Date.now() - Number(root.end) / 1e6) < 5000);
    assert.deepEqual(trace.report(), { traceId, sampled, spans });
    await lifecycle.recover({ trigger: "health" });
  });

  test("of the recovery are in its report, if its own call is traced", async () => {
    const seen: (string | undefined)[] = [];
    const lifecycle = start([
      { name: "a", undo: ({ span }) => void seen.push(span?.traceparent) },
    ]);
    for (const traced of [true, false]) {
      await lifecycle.prepare({ trace: begin("prepare") });
      const request = traced ? { trace: begin("recover") } : {};
      const cause = { trigger: "recover" } as const;
      const { recovery } = await lifecycle.recover(cause, request);
      const names = recovery?.trace?.spans.map(({ name }) => name);
      if (traced) {
        assert.deepEqual(names, ["recover", "repair", "undo a"]);
        const [, , undo] = recovery!.trace!.spans;
        assert.deepEqual(seen, [`00-${TRACE_ID}-${undo.spanId}-01`]);
      } else {
        assert.equal(names, undefined);
        assert.equal(seen.at(-1), undefined);
      }
    }
  });

  test("of a failed prepare have its undo", async () => {
    const lifecycle = start([{ name: "a" }, {
      name: "b",
      quiesce() {
        throw new Error("no");
      },
    }]);
    const trace = begin("prepare");
    const error = await lifecycle.prepare({ trace }).catch((error) => error);
    assert.ok(error instanceof PrepareFailed);
    assert.equal(error.undo.trace, undefined);
    assert.deepEqual(
      trace.report().spans.map(({ name }) => name),
      ["prepare", "a", "b", "undo a"],
    );
  });

  test("are none without a trace", async () => {
    const contexts: object[] = [];
    const lifecycle = start([{
      name: "a",
      quiesce: (context) => void contexts.push(context),
    }]);
    const { call } = await lifecycle.prepare({ requestId: "host-1" });
    const { recovery } = await lifecycle.recover({ trigger: "recover" });
    assert.equal(call.trace, undefined);
    assert.equal(recovery?.trace, undefined);
    assert.equal("span" in contexts[0], false);
  });
});

test("a program that reads events gets the trace in the event", async () => {
  const sent: string[] = [];
  const stream = new EventStream((text) => void sent.push(text));
  const call = stream.call("1", { ...FREEZE, traceparent: VALID }, {
    limitMs: 5000,
  });
  assert.equal(stream.acknowledge("1"), true);
  assert.equal((await call).status, "done");
  const data = JSON.parse(/^data: (.*)$/m.exec(sent[0])![1]);
  assert.equal(data.traceparent, VALID);
});
