import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { notifyServiceManager } from "../../src/linux/notify.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";
import { NotifySocket } from "../support/notify_socket.ts";

describe("a message to the service manager", () => {
  it("reaches a socket with a path", async () => {
    const libc = await realLibc();
    const directory = temporary();
    try {
      const path = join(directory.path, "notify");
      using socket = new NotifySocket(libc, path);
      notifyServiceManager(libc, path, "READY=1\nSTATUS=ü");
      assert.equal(socket.next(), "READY=1\nSTATUS=ü");
    } finally {
      directory.remove();
    }
  });

  it("reaches a socket with an abstract name", async () => {
    const libc = await realLibc();
    const name = `@lull/notify/${process.pid}`;
    using socket = new NotifySocket(libc, name);
    notifyServiceManager(libc, name, "READY=1");
    assert.equal(socket.next(), "READY=1");
  });

  it("is given up after a second if nothing is read", async () => {
    const libc = await realLibc();
    const name = `@lull/notify/full/${process.pid}`;
    using _socket = new NotifySocket(libc, name);
    const start = performance.now();
    assert.throws(() => {
      for (let i = 0; i < 100_000; i++) notifyServiceManager(libc, name, "A=1");
    }, { message: `Cannot notify the service manager at ${name}: EAGAIN` });
    assert.ok(performance.now() - start >= 990);
  });

  it("says why it cannot be sent", async () => {
    const libc = await realLibc();
    assert.throws(() => notifyServiceManager(libc, "/none/such", "READY=1"), {
      message: "Cannot notify the service manager at /none/such: ENOENT",
    });
    for (const name of ["vsock:2:1", "@", `/${"a".repeat(107)}`]) {
      assert.throws(
        () => notifyServiceManager(libc, name, "READY=1"),
        /expected an absolute path or an abstract name, of 108 bytes at most/,
      );
    }
  });
});
