import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { realLibc } from "../support/libc.ts";
import { serving } from "../support/serving.ts";

describe("a reply of a quiesced server", () => {
  test("closes its connection and who is there, nobody who comes later", async () => {
    const one = await serving(await realLibc(), {});
    try {
      await one.keeper.quiesce();
      const [asking, silent] = await one.connect(2);
      const reply = await one.ask(asking);
      assert.equal(reply.headers.get("connection"), "close");
      // As the host of a fork does: the machine was frozen after that reply.
      const [host] = await one.connect(1);
      await Promise.all([asking.gone(), silent.gone()]);
      assert.equal(host.closed, false);
      one.keeper.recover();
      await one.ask(host);
      assert.equal(one.keeper.list().length, 1);
      assert.deepEqual(one.said, []);
    } finally {
      one.end();
    }
  });
});
