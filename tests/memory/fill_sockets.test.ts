import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fillSockets } from "../../src/memory/fill_sockets.ts";
import { realLibc } from "../support/libc.ts";

test("sockets hold megabytes of zeros for a moment, and are closed", async () => {
  const libc = await realLibc();
  const before = readdirSync("/proc/self/fd").length;
  const filled = fillSockets(libc);
  assert.ok(filled >= 4 * 2 ** 20, `${filled} bytes`);
  assert.equal(readdirSync("/proc/self/fd").length, before);
});

test("if no descriptor is left, what could be opened is used and closed", () => {
  const closed: number[] = [];
  let pairs = 0;
  const filled = fillSockets({
    socketpair(_family, _type, _protocol, pair) {
      if (++pairs > 2) return -1;
      new Int32Array(pair!.buffer).set([10 * pairs, 10 * pairs + 1]);
      return 0;
    },
    send: (_socket, _bytes, length) => Number(length),
    close: (socket) => closed.push(socket),
  });
  assert.equal(filled, 2 * 160 * 1024);
  assert.deepEqual(closed, [10, 11, 20, 21]);
});
