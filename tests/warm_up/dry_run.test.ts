import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { FORK_WORDS } from "../../src/evidence/observer.ts";
import { kernelMessage } from "../../src/linux/kmsg.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { dryRun, type DryRunOptions } from "../../src/warm_up/dry_run.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";

const directory = temporary();
after(directory.remove);

function options(libc: Libc, seen: string[]): DryRunOptions {
  let restored = false;
  return {
    libc,
    observer: {
      mark: () => void seen.push("mark"),
      unwatch: () => void seen.push("unwatch"),
      look: () => void seen.push("look at the log"),
      pretend(log) {
        seen.push("pretend");
        restored = log.find(kernelMessage(FORK_WORDS)).found;
        return () => void seen.push("forget it");
      },
    },
    evidence() {
      seen.push("look");
      const found = { conclusive: true, paused: true, sources: [] };
      return Promise.resolve({ ...found, restored });
    },
    tracker: {
      recover() {
        seen.push("recover");
        return { zombies: 0 };
      },
    },
    sweeper: {
      start: () => void seen.push("start"),
      stop: () => void seen.push("stop"),
    },
    idle: {
      rest: () => void seen.push("rest"),
      resume: () => void seen.push("resume"),
    },
    guard: { forget: () => void seen.push("forget") },
    sources: {
      kernelReseeded: () => false,
      hostClock: () => ({
        name: "a clock",
        read: () => assert.fail("it asked for the time"),
      }),
      restoredAt: () => undefined,
    },
    healthMayRecover: () => seen.push("may") > 0,
    ownPorts: () => [],
    runtimeDirectory: directory.path,
    hold() {
      seen.push("connect");
      return () => void seen.push("hang up");
    },
    askHealth: () => Promise.resolve(seen.push("ask")),
  };
}

describe("a rehearsal", () => {
  test("goes the whole way, and leaves everything as it was", async () => {
    const libc = await realLibc();
    const seen: string[] = [];
    const sent: number[] = [];
    let given = 0;
    const counting: Libc = {
      ...libc,
      send(socket, bytes, size, flags) {
        // struct nlmsghdr: the type follows the length
        sent.push(bytes![4] | bytes![5] << 8);
        return libc.send!(socket, bytes, size, flags);
      },
      clock_settime: () => assert.fail("it set the clock"),
      ioctl: () => assert.fail("it changed the random pool"),
      sched_setaffinity(thread, size, mask) {
        // Whoever looks meanwhile sees no thread on fewer CPUs.
        const own = new Uint8Array(mask!.length);
        if (libc.sched_getaffinity!(thread, size, own) !== -1) {
          assert.deepEqual(mask, own);
          given++;
        }
        return libc.sched_setaffinity!(thread, size, mask);
      },
    };
    assert.deepEqual(await dryRun(options(counting, seen)), []);
    assert.deepEqual(readdirSync(directory.path), []);
    assert.ok(given > 0);
    assert.deepEqual(seen, [
      "connect",
      "mark",
      "stop",
      "rest",
      "may",
      "look",
      "pretend",
      "look at the log",
      "look",
      "unwatch",
      "recover",
      "forget",
      "forget it",
      "resume",
      "start",
      "hang up",
      "ask",
    ]);
    // It lists (SOCK_DIAG_BY_FAMILY) both families, at the prepare and, as only
    // a fork does, at the recovery; it destroys (SOCK_DESTROY) nothing.
    assert.equal(sent.length, 4);
    assert.deepEqual([...new Set(sent)], [20]);
  });

  test("takes its log away again where something fails", async () => {
    const seen: string[] = [];
    const all = options(await realLibc(), seen);
    let looks = 0;
    const rehearsal = dryRun({
      ...all,
      async evidence() {
        if (++looks > 1) throw new Error("no evidence");
        return await all.evidence();
      },
    });
    await assert.rejects(rehearsal, /no evidence/);
    assert.ok(seen.includes("forget it"));
    assert.equal(seen.at(-1), "hang up");
    assert.deepEqual(readdirSync(directory.path), []);
  });

  test("tells what of a recovery will not work", async () => {
    const file = `${directory.path}/file`;
    writeFileSync(file, "");
    const [why, ...more] = await dryRun({
      ...options(await realLibc(), []),
      runtimeDirectory: file,
    });
    assert.match(why, /^generation: .*ENOTDIR/);
    assert.deepEqual(more, []);
    assert.ok(!existsSync(`${file}/generation`));
  });
});
