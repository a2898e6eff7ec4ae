import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Done } from "../../src/lifecycle/step.ts";
import { portsStep } from "../../src/steps/ports.ts";
import { recoveryContext, stepContext } from "../support/hooks.ts";

describe("the ports step", () => {
  test("stops, and starts again at the undo", async () => {
    const seen: string[] = [];
    const step = portsStep({
      stop: () => Promise.resolve({ ports: 2, connections: 1 }),
      start: () => void seen.push("start"),
    });
    const done = await step.quiesce(stepContext()) as Done;
    assert.deepEqual(done.effect, { ports: 2, connections: 1 });
    assert.deepEqual(seen, []);
    await done.undo!(recoveryContext());
    assert.deepEqual(seen, ["start"]);
  });

  test("tells the subsystem as soon as it is given up", async () => {
    const abort = new AbortController();
    const step = portsStep({
      stop: (signal) =>
        new Promise((resolve) =>
          signal!.addEventListener(
            "abort",
            () => resolve({ ports: 0, connections: 0 }),
          )
        ),
      start() {},
    });
    const stopping = step.quiesce(stepContext(abort.signal));
    abort.abort();
    assert.deepEqual((await stopping as Done).effect, {
      ports: 0,
      connections: 0,
    });
  });

  test("starts again where the stop fails", async () => {
    let starts = 0;
    const step = portsStep({
      stop: () => Promise.reject(new Error("no")),
      start: () => void starts++,
    });
    await assert.rejects(async () => await step.quiesce(stepContext()), /no/);
    assert.equal(starts, 1);
  });
});
