import assert from "node:assert/strict";
import { constants } from "node:os";
import { describe, it } from "node:test";
import {
  checked,
  lastError,
  loadLibc,
  requireSymbol,
  SystemCallError,
} from "../../src/linux/libc.ts";
import { errnoName } from "../../src/util/errno.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Runtime } from "../../src/runtime/types.ts";

describe("libc", () => {
  it("is loaded whole on glibc", async () => {
    const libc = loadLibc(await loadRuntime());
    const missing = Object.entries(libc).filter(([, call]) => !call);
    assert.deepEqual(missing, []);
    assert.ok(Object.keys(libc).length > 10);
  });

  it("is empty where no library can be loaded", async () => {
    const runtime: Runtime = {
      ...await loadRuntime(),
      openLibrary: () => undefined,
    };
    assert.deepEqual(loadLibc(runtime), {});
  });

  it("names the function that it lacks", () => {
    assert.throws(() => requireSymbol({}, "dirfd"), {
      message: "Cannot call dirfd: this system's C library has none",
    });
    const dirfd = () => 3;
    assert.equal(requireSymbol({ dirfd }, "dirfd"), dirfd);
  });

  it("names errors by their symbol", () => {
    for (const [name, number] of Object.entries(constants.errno)) {
      const named = errnoName(number);
      // EAGAIN and EWOULDBLOCK have the same number.
      assert.equal(Object(constants.errno)[named], number, name);
    }
    assert.equal(errnoName(constants.errno.EBADF), "EBADF");
    assert.equal(errnoName(100_000), "errno 100000");
    const libc = { errno: () => 1 };
    assert.equal(checked(libc, 0, "open", "the door"), 0);
    assert.throws(() => checked(libc, -1, "open", "the door"), {
      message: "Cannot open the door: EPERM",
    });
    const error = lastError(libc, "open", "the door");
    assert.ok(error instanceof SystemCallError);
    assert.equal(error.message, "Cannot open the door: EPERM");
  });
});
