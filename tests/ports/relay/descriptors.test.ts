import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Descriptors } from "../../../src/ports/relay/descriptors.ts";

describe("the descriptors of a worker", () => {
  it("are its owner's to close, once each", () => {
    const worker = new Descriptors({ more: 12 });
    const owner = new Descriptors(worker.memory);
    for (const fd of [0, 7, 8, 65_535]) assert.ok(worker.add(fd));
    worker.delete(8);
    assert.deepEqual(owner.drain(), [0, 7, 65_535]);
    assert.deepEqual(owner.drain(), []);
  });

  it("are refused where they cannot be noted", () => {
    const worker = new Descriptors({ more: 0 });
    assert.equal(worker.add(-1), false);
    assert.equal(worker.add(65_536), false);
    assert.deepEqual(worker.drain(), []);
  });

  it("leave alone what else is in their memory", () => {
    const worker = new Descriptors({ more: 4 });
    worker.more.fill(1);
    assert.deepEqual(new Descriptors(worker.memory).drain(), []);
    assert.deepEqual([...worker.more], [1, 1, 1, 1]);
  });
});
