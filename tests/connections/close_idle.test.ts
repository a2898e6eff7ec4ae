import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Connection } from "../../src/linux/connection.ts";
import type { Finding } from "../../src/connections/arrival.ts";
import {
  closeIdle,
  type CloseIdleOptions,
} from "../../src/connections/close_idle.ts";

/** One connection, and what each look at it finds; the last one lasts. */
function one(...findings: (Finding | "busy")[]) {
  const connection: Connection = {
    fd: 7,
    inode: "70",
    peer: { address: "10.0.0.1", port: 4000 },
  };
  let looks = 0;
  let closings = 0;
  const found = () => findings[Math.min(looks, findings.length - 1)];
  return {
    get looks() {
      return looks;
    },
    async close(fresh: CloseIdleOptions["onFresh"]): Promise<boolean> {
      const closed = await closeIdle({
        onFresh: fresh,
        libc: {
          shutdown(fd) {
            assert.equal(fd, connection.fd);
            closings++;
            return 0;
          },
        },
        list: () => [connection],
        busy: () => found() === "busy",
        look() {
          const finding = found();
          looks++;
          return finding as Finding;
        },
      });
      assert.equal(closings, closed.size);
      return closed.has(connection.inode);
    },
  };
}

describe("closing what waits for no reply", () => {
  test("closes what rests, after a second look", async () => {
    const idle = one(36);
    assert.equal(await idle.close("skip"), true);
    assert.equal(idle.looks, 2);
  });

  test("waits for a request that the runtime has not read yet", async () => {
    const arriving = one("unread", 36, "busy");
    assert.equal(await arriving.close("skip"), false);
    assert.equal(arriving.looks, 2);
  });

  test("waits longer if a busy runtime does not come to read it", async () => {
    const unread = Array(12).fill("unread");
    const arriving = one(...unread, 36, "busy");
    assert.equal(await arriving.close("skip"), false);
    assert.equal(arriving.looks, 13);
    const never = one("unread");
    assert.equal(await never.close("skip"), true);
    assert.ok(never.looks < 40, `${never.looks} looks`);
  });

  test("waits only so long for one that trickles in", async () => {
    const half = one(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    assert.equal(await half.close("skip"), true);
    assert.ok(half.looks < 10, `${half.looks} looks`);
  });

  test("waits as long for a handler that a busy runtime does not come to call", async () => {
    const unanswered = Array(12).fill("unanswered");
    const arriving = one("unread", ...unanswered, "busy");
    assert.equal(await arriving.close("skip"), false);
    assert.equal(arriving.looks, 13);
    const half = one("unanswered");
    assert.equal(await half.close("skip"), true);
    assert.ok(half.looks < 40, `${half.looks} looks`);
  });

  for (const found of ["uncounted", "half"] as const) {
    test(`and for one that is ${found}, if it has seen its bytes unread`, async () => {
      const read = Array(12).fill(found);
      const arriving = one("unread", ...read, "busy");
      assert.equal(await arriving.close("skip"), false);
      assert.equal(arriving.looks, 13);
      const idle = one(found);
      assert.equal(await idle.close("skip"), true);
      assert.equal(idle.looks, 2);
    });
  }

  test("closes one soon whose request was answered between two looks", async () => {
    const answered = one("unanswered", 36);
    assert.equal(await answered.close("skip"), true);
    assert.equal(answered.looks, 3);
  });

  test("leaves a fresh one open, at once", async () => {
    const fresh = one("fresh");
    assert.equal(await fresh.close("skip"), false);
    assert.equal(fresh.looks, 1);
  });

  test("or waits until it is no longer fresh", async () => {
    const silent = one("fresh", "fresh", "fresh", 0);
    assert.equal(await silent.close("wait"), true);
    assert.equal(silent.looks, 5);
  });

  for (const fresh of ["skip", "wait"] as const) {
    test(`${fresh}: leaves alone who connects after the first look`, async () => {
      let lists = 0;
      const connections = (...numbers: number[]) =>
        numbers.map((fd) => ({
          fd,
          inode: `${fd}`,
          peer: { address: "10.0.0.1", port: fd },
        }));
      const closed = await closeIdle({
        onFresh: fresh,
        libc: { shutdown: () => 0 },
        // Another each time; the first one rests as they all do.
        list: () => connections(1, ...(lists++ === 0 ? [] : [lists])),
        busy: () => false,
        look: () => 36,
      });
      assert.deepEqual([...closed], ["1"]);
      assert.equal(lists, 2);
    });
  }

  test("and gives it the same time as others if it speaks at last", async () => {
    const late = one("fresh", "fresh", "fresh", "unread", "unread", 36, "busy");
    assert.equal(await late.close("wait"), false);
  });
});
