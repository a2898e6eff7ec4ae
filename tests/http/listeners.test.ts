import assert from "node:assert/strict";
import { existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Peer, Runtime } from "../../src/runtime/types.ts";
import { addressesOf } from "../../src/http/listen_addresses.ts";
import { Listeners } from "../../src/http/listeners.ts";
import { temporary } from "../support/hooks.ts";
import { overUnix } from "../support/over_unix.ts";
import { ask } from "../support/raw.ts";

test("without a list it is host and port", () => {
  assert.deepEqual(
    addressesOf({ host: "::", port: 1, listen: [] }),
    [{ host: "::", port: 1 }],
  );
  assert.deepEqual(
    addressesOf({ host: "::", port: 1, listen: ["[::1]:2", "unix:/a"] }),
    [{ host: "::1", port: 2 }, { path: "/a" }],
  );
});

describe("listeners", () => {
  let runtime: Runtime;
  const directory = temporary();
  const path = join(directory.path, "lull.sock");
  const peers: (Peer | undefined)[] = [];
  const options = {
    fetch: (_: Request, peer?: Peer) => {
      peers.push(peer);
      return Promise.resolve(new Response("here"));
    },
  };
  before(async () => {
    runtime = await loadRuntime();
  });
  after(() => directory.remove());

  test("answer on every address, and leave all of them", async () => {
    const listeners = new Listeners(runtime);
    assert.deepEqual([listeners.ports, listeners.paths], [[], []]);
    await listeners.open([
      { host: "127.0.0.1", port: 0 },
      { host: "127.0.0.1", port: 0 },
      { path },
    ], options);
    assert.equal(listeners.ports.length, 2);
    for (const port of listeners.ports) {
      assert.equal((await ask(port, "GET", "/")).body, "here");
    }
    assert.equal((await overUnix(path, "GET", "/")).status, 200);
    assert.deepEqual(peers.at(-1), {
      address: `unix:${path}`,
      port: 0,
      unix: true,
    });
    assert.deepEqual(listeners.addresses, [
      ...listeners.ports.map((port) => `127.0.0.1:${port}`),
      `unix:${path}`,
    ]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const [port] = listeners.ports;
    listeners.stop();
    assert.ok(!existsSync(path));
    await assert.rejects(ask(port, "GET", "/"));
  });

  test("listen nowhere where one address cannot be had", async () => {
    const listeners = new Listeners(runtime);
    writeFileSync(path, "not a socket");
    await assert.rejects(
      listeners.open([{ host: "127.0.0.1", port: 0 }, { path }], options),
      {
        name: "StartError",
        message:
          `Cannot listen on unix:${path}: it exists and is no socket; name another path with --listen`,
      },
    );
    assert.deepEqual(listeners.ports, []);
  });
});

describe("a unix socket", () => {
  test("that a dead agent left is replaced, one in use is not", async () => {
    const runtime = await loadRuntime();
    const directory = temporary();
    const path = join(directory.path, "lull.sock");
    const fetch = () => Promise.resolve(new Response());
    try {
      const first = await runtime.serve({ path, fetch });
      await assert.rejects(
        runtime.serve({ path, fetch }),
        /Cannot listen on unix:.*: EADDRINUSE/,
      );
      // What a killed agent leaves: the file of a socket without a listener.
      renameSync(path, `${path}.left`);
      first.stop();
      renameSync(`${path}.left`, path);
      const second = await runtime.serve({ path, fetch });
      assert.equal(second.port, 0);
      second.stop();
    } finally {
      directory.remove();
    }
  });
});
