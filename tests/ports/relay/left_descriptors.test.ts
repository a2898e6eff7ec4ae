import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Libc } from "../../../src/linux/libc.ts";
import { Descriptors } from "../../../src/ports/relay/descriptors.ts";
import { closeLeft } from "../../../src/ports/relay/left_descriptors.ts";

describe("what a worker's thread has left open", () => {
  /** A worker with a socket 5, for which another thread waits by the epoll 6 and its bell 7. */
  function leave() {
    const worker = Descriptors.create(12);
    worker.add(5, "socket");
    worker.add(6, "epoll");
    worker.add(7, "bell");
    const calls: string[] = [];
    const libc = {
      close(fd: number) {
        calls.push(`close ${fd}`);
        return 0;
      },
      eventfd_write(fd: number) {
        calls.push(`ring ${fd}`);
        return 0;
      },
      setsockopt: () => 0,
    } as unknown as Libc;
    return { worker, calls, libc };
  }

  it("is closed at once if nothing waits", async () => {
    const { worker, calls, libc } = leave();
    await closeLeft(libc, worker.memory);
    assert.deepEqual(calls, ["close 5", "close 6", "close 7"]);
    assert.deepEqual(worker.open(), []);
  });

  it("is closed when the wait has ended, not before", async () => {
    const { worker, calls, libc } = leave();
    worker.beginWait();
    const closing = closeLeft(libc, worker.memory);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(calls, ["close 5", "ring 7"]);
    worker.events[0] = 1;
    await closing;
    assert.deepEqual(calls, ["close 5", "ring 7", "close 6", "close 7"]);
    assert.deepEqual(worker.open(), []);
  });

  it("stays open if the wait does not end: its number must not become another file's", async () => {
    const { worker, calls, libc } = leave();
    worker.beginWait();
    await closeLeft(libc, worker.memory);
    assert.deepEqual(calls, ["close 5", "ring 7"]);
  });
});
