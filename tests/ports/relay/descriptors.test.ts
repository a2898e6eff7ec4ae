import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Descriptors } from "../../../src/ports/relay/descriptors.ts";

describe("the descriptors of a worker", () => {
  it("are seen by the worker's owner", () => {
    const descriptors = Descriptors.create(12);
    const seen = new Descriptors(structuredClone(descriptors.memory));
    assert.ok(descriptors.add(0, "socket"));
    assert.ok(descriptors.add(7, "epoll"));
    assert.ok(descriptors.add(8, "socket"));
    assert.ok(descriptors.add(65_535, "bell"));
    descriptors.delete(8);
    assert.deepEqual(seen.open(), [
      { fd: 0, kind: "socket" },
      { fd: 7, kind: "epoll" },
      { fd: 65_535, kind: "bell" },
    ]);
  });

  it("are refused if they cannot be noted", () => {
    const descriptors = Descriptors.create(0);
    assert.equal(descriptors.add(-1, "socket"), false);
    assert.equal(descriptors.add(65_536, "socket"), false);
    assert.deepEqual(descriptors.open(), []);
  });

  it("are waited for until there is an event, or the worker has seen the end", () => {
    const descriptors = Descriptors.create(12);
    const seen = new Descriptors(descriptors.memory);
    assert.equal(seen.isWaiting, false);
    descriptors.beginWait();
    assert.equal(seen.isWaiting, true);
    descriptors.events[0] = 1;
    assert.equal(seen.isWaiting, false);
    descriptors.endWait();
    assert.equal(seen.isWaiting, false);
    descriptors.beginWait();
    assert.equal(seen.isWaiting, true);
    descriptors.endWait();
    assert.equal(seen.isWaiting, false);
    assert.deepEqual(descriptors.open(), []);
  });
});
