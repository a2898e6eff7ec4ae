import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { before, describe, it } from "node:test";
import { type Libc, loadLibc, need } from "../../src/linux/libc.ts";
import { syncFilesystem, syncFilesystems } from "../../src/linux/sync.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { until } from "../support/until.ts";

const EBUSY = constants.errno.EBUSY;

describe("syncFilesystems", () => {
  let real: Libc;
  before(async () => {
    real = loadLibc(await loadRuntime());
  });

  it("runs 200 times on threads that are all joined", async () => {
    let created = 0;
    let joined = 0;
    const counting: Libc = {
      ...real,
      pthread_create(...args) {
        const code = need(real.pthread_create, "pthread_create")(...args);
        if (code === 0) created++;
        return code;
      },
      pthread_tryjoin_np(...args) {
        const code = need(real.pthread_tryjoin_np, "pthread_tryjoin_np")(
          ...args,
        );
        if (code === 0) joined++;
        return code;
      },
      sync: () => assert.fail("on the event loop's own thread"),
      syncfs: () => assert.fail("on the event loop's own thread"),
    };
    // mostly a filesystem without a disk: other programs' data costs seconds
    const fd = openSync("/proc", "r");
    try {
      for (let i = 0; i < 197; i++) await syncFilesystem(counting, fd);
      for (let i = 0; i < 3; i++) {
        const { ms } = await syncFilesystems(counting);
        assert.ok(ms > 0, `${ms}`);
      }
    } finally {
      closeSync(fd);
    }
    assert.deepEqual({ created, joined }, { created: 200, joined: 200 });
  });

  it("syncs the filesystem of one descriptor", async () => {
    const fd = openSync(tmpdir(), "r");
    try {
      const { ms } = await syncFilesystem(real, fd);
      assert.ok(ms >= 0);
    } finally {
      closeSync(fd);
    }
    await assert.rejects(syncFilesystem(real, -1), {
      message: "Cannot sync the filesystem of fd -1: syncfs failed",
    });
  });

  it("leaves the event loop free while the kernel works", async () => {
    const { libc, end } = slowLibc();
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 1);
    const syncing = syncFilesystems(libc);
    await until("the event loop's turns", () => ticks > 5);
    end();
    const { ms } = await syncing;
    clearInterval(ticking);
    assert.ok(ms > 5, `${ms}`);
  });

  it("stops waiting when its signal aborts, and joins the thread later", async () => {
    const { libc, end, state } = slowLibc();
    const reason = new Error("too late");
    const abort = new AbortController();
    const syncing = syncFilesystems(libc, abort.signal);
    abort.abort(reason);
    await assert.rejects(syncing, reason);
    assert.equal(state.joined, 0);
    end();
    await until("the join", () => state.joined === 1);
  });

  it("starts nothing once its signal has aborted", async () => {
    const { libc, state } = slowLibc();
    const reason = new Error("too late");
    const aborted = AbortSignal.abort(reason);
    await assert.rejects(syncFilesystems(libc, aborted), reason);
    assert.equal(state.created, 0);
    const blocking: Libc = { sync: () => assert.fail("must not run") };
    await assert.rejects(syncFilesystems(blocking, aborted), reason);
  });

  it("blocks where this libc has no threads", async () => {
    let syncs = 0;
    await syncFilesystems({ sync: () => void syncs++ });
    assert.equal(syncs, 1);
    await syncFilesystem({ syncfs: (fd) => fd - 7 }, 7);
    const refusing: Libc = {
      syncfs: () => -1,
      errno: () => constants.errno.EIO,
    };
    await assert.rejects(syncFilesystem(refusing, 7), {
      message: "Cannot sync the filesystem of fd 7: EIO",
    });
    await assert.rejects(syncFilesystems({}), /Cannot call sync/);
  });

  it("tells why it has no thread", async () => {
    const { libc } = slowLibc();
    await assert.rejects(syncFilesystems({ ...libc, dlsym: () => 0n }), {
      message: "Cannot find sync: no such symbol",
    });
    const full: Libc = { ...libc, pthread_create: () => 11 };
    await assert.rejects(syncFilesystems(full), {
      message: "Cannot start a thread for sync: EAGAIN",
    });
    const broken: Libc = { ...libc, pthread_tryjoin_np: () => 22 };
    await assert.rejects(syncFilesystems(broken), {
      message: "Cannot join the thread of sync: EINVAL",
    });
  });
});

/** A kernel whose sync lasts until the test ends it. */
function slowLibc() {
  const state = { created: 0, joined: 0 };
  let ended = false;
  const libc: Libc = {
    dlsym: () => 4096n,
    pthread_create() {
      state.created++;
      return 0;
    },
    pthread_tryjoin_np() {
      if (!ended) return EBUSY;
      state.joined++;
      return 0;
    },
  };
  return { libc, state, end: () => void (ended = true) };
}
