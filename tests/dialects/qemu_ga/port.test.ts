import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { Port } from "../../../src/dialects/qemu_ga/port.ts";
import { loadLibc } from "../../../src/linux/libc.ts";
import { IO_SIGNAL } from "../../../src/linux/signal_io.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { temporary } from "../../support/hooks.ts";
import { HostEnd, withoutPty } from "../../support/pty.ts";
import { until } from "../../support/until.ts";

const libc = loadLibc(await loadRuntime());

/** A port that sends back what it gets, and what happened to it. */
class Echo implements Disposable {
  readonly #directory = temporary();
  readonly path = join(this.#directory.path, "port");
  readonly said: string[] = [];
  readonly port: Port;
  reads = 0;
  gone = 0;

  constructor() {
    this.port = new Port({
      path: this.path,
      libc: {
        fcntl: libc.fcntl,
        write: libc.write,
        errno: () => libc.errno!(),
        read: (...args) => {
          this.reads++;
          return libc.read!(...args);
        },
      },
      onBytes: (bytes) => this.port.send(bytes),
      onHostGone: () => void this.gone++,
      say: (message, { why }) =>
        void this.said.push(why ? `${message}: ${why}` : message),
    });
    this.port.start();
  }

  [Symbol.dispose](): void {
    this.port.end();
    this.#directory.remove();
  }
}

describe("a port", { skip: withoutPty }, () => {
  test("is opened when it appears, and again after it was gone", async () => {
    using echo = new Echo();
    for (const round of [1, 2]) {
      await using host = await HostEnd.open(echo.path);
      assert.equal(await host.ask(`hello ${round}`), `hello ${round}\n`);
      await host.end();
      await until("the end of the port", () => echo.gone === round);
    }
    assert.equal(echo.said[0], "waiting for the port: ENOENT");
    const opened = echo.said.filter((line) => !line.includes("waiting"));
    assert.deepEqual(opened, [
      ...["the port is open", "the port is gone"],
      ...["the port is open", "the port is gone"],
    ]);
  });

  test("is read when something came, and not in between", async () => {
    using echo = new Echo();
    await using host = await HostEnd.open(echo.path);
    await host.ask("first");
    echo.reads = 0;
    const rounds = 50;
    for (let round = 0; round < rounds; round++) {
      await host.ask(`number ${round}`);
    }
    // A message and the end of it; a terminal may signal both of its bytes and its room.
    assert.ok(echo.reads >= rounds, `${echo.reads}`);
    assert.ok(echo.reads <= 6 * rounds, `${echo.reads}`);
  });

  test("keeps what a host does not read, up to a limit, and sends it later", async () => {
    using echo = new Echo();
    await using host = await HostEnd.open(echo.path);
    await host.ask("first");
    host.received = "";
    host.reads = false;
    const line = `${"x".repeat(8191)}\n`;
    const lines = 200;
    for (let count = 0; count < lines; count++) {
      echo.port.send(new TextEncoder().encode(line));
    }
    host.reads = true;
    echo.port.send(new TextEncoder().encode("end\n"));
    // More than a mebibyte waited: some was dropped, and what came is whole.
    await until("the rest", () => host.received.length >= 2 ** 20 - 8192);
    await until("whole lines", () => host.received.endsWith("\n"));
    const received = host.received.replace(/end\n$/, "");
    assert.equal(received.length % line.length, 0);
    assert.ok(received === line.repeat(received.length / line.length));
    assert.ok(received.length < lines * line.length);
  });

  test("does not look for it while the guest is quiesced", async () => {
    using echo = new Echo();
    echo.port.pause();
    await using host = await HostEnd.open(echo.path);
    echo.port.resume();
    assert.equal(await host.ask("after"), "after\n");
  });

  test("leaves no handler of the signal when it ends", () => {
    const before = process.listenerCount(IO_SIGNAL);
    {
      using _echo = new Echo();
      assert.equal(process.listenerCount(IO_SIGNAL), before + 1);
    }
    assert.equal(process.listenerCount(IO_SIGNAL), before);
  });
});
