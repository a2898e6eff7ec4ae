import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Descriptors } from "../../../src/ports/relay/descriptors.ts";

describe("the descriptors of a worker", () => {
  it("are flags that the worker's owner sees", () => {
    const descriptors = new Descriptors({ more: 12 });
    const seen = structuredClone(descriptors.flags);
    for (const fd of [0, 7, 8, 65_535]) assert.ok(descriptors.add(fd));
    descriptors.delete(8);
    const open = [...seen].flatMap((flag, fd) => flag === 1 ? [fd] : []);
    assert.deepEqual(open, [0, 7, 65_535]);
  });

  it("are refused if they cannot be noted", () => {
    const descriptors = new Descriptors({ more: 0 });
    assert.equal(descriptors.add(-1), false);
    assert.equal(descriptors.add(65_536), false);
    assert.equal(descriptors.flags.indexOf(1), -1);
  });

  it("leave the bytes behind the flags alone", () => {
    const descriptors = new Descriptors({ more: 4 });
    descriptors.more.fill(1);
    assert.equal(descriptors.flags.indexOf(1), -1);
    assert.deepEqual([...descriptors.more], [1, 1, 1, 1]);
  });
});
