import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { constants } from "node:os";
import { after, before, describe, it } from "node:test";
import { descriptorsOn, listConnections } from "../../src/linux/connections.ts";
import { type Libc, loadLibc } from "../../src/linux/libc.ts";
import { hideUnsentConnections, listenersOn } from "../../src/linux/listen.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Runtime, RuntimeServer } from "../../src/runtime/types.ts";
import { deferSeconds } from "../support/libc.ts";
import { until } from "../support/until.ts";

describe("hideUnsentConnections", () => {
  let runtime: Runtime;
  let server: RuntimeServer;
  let libc: Libc;
  let client: Socket;
  const listeners = () => listenersOn(libc, [server.port]);
  before(async () => {
    runtime = await loadRuntime();
    libc = loadLibc(runtime);
    server = await runtime.serve({
      host: "127.0.0.1",
      port: 0,
      fetch: () => Promise.resolve(new Response()),
    });
  });
  after(() => {
    client?.destroy();
    server.stop();
  });

  it("finds the one socket that listens, and turns the wait off", () => {
    const [listener] = descriptorsOn(libc, [server.port]);
    assert.equal(deferSeconds(libc, listener) > 0, runtime.name === "bun");
    assert.deepEqual(listeners(), [listener]);
    hideUnsentConnections(libc, listeners(), false);
    assert.equal(deferSeconds(libc, listener), 0);
  });

  it("lets the walk find a client that says nothing", async () => {
    hideUnsentConnections(libc, listeners(), false);
    client = connect(server.port, "127.0.0.1");
    await new Promise((resolve) => client.once("connect", resolve));
    const [found] = await until("the silent connection", () => {
      const connections = listConnections(libc, [server.port]);
      return connections.length > 0 ? connections : undefined;
    }) ?? [];
    assert.equal(found.peer.port, client.localPort);
    // an accepted end is not mistaken for a socket that listens
    assert.equal(listeners().length, 1);
  });

  it("hides a client that says nothing, until it speaks", async () => {
    const before = listConnections(libc, [server.port]).length;
    hideUnsentConnections(libc, listeners(), true);
    const silent = connect(server.port, "127.0.0.1");
    await new Promise((resolve) => silent.once("connect", resolve));
    assert.equal(listConnections(libc, [server.port]).length, before);
    silent.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await new Promise((resolve) => silent.once("data", resolve));
    assert.equal(listConnections(libc, [server.port]).length, before + 1);
    silent.destroy();
    hideUnsentConnections(libc, listeners(), false);
  });

  it("passes over a socket that listens no longer", () => {
    const file = openSync("/dev/null", "r");
    closeSync(file);
    hideUnsentConnections(libc, [file, ...listeners()], false);
    const [connection] = listConnections(libc, [server.port]);
    hideUnsentConnections(libc, [connection.fd, ...listeners()], true);
    assert.ok(deferSeconds(libc, listeners()[0]) > 0);
    hideUnsentConnections(libc, listeners(), false);
  });

  it("does nothing where there is no libc, and fails where it is refused", () => {
    assert.deepEqual(listenersOn({}, [server.port]), []);
    const refusing: Libc = {
      ...libc,
      setsockopt: () => -1,
      errno: () => constants.errno.EPERM,
    };
    assert.throws(() => hideUnsentConnections(refusing, listeners(), false), {
      message: /^Cannot set TCP_DEFER_ACCEPT on listening socket \d+: EPERM$/,
    });
  });
});
