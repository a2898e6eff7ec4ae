import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { runtimeName } from "../../src/runtime/mod.ts";
import { commandOf } from "../support/agent.ts";
import { runLull } from "../support/cli.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

describe("the time limit of a call", () => {
  const directory = temporary();
  after(directory.remove);

  test("ends watch with 3 if it comes before any event", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    try {
      await until("the server", () => server.listening);
      const { port } = server.address() as AddressInfo;
      const to = [`--url=http://127.0.0.1:${port}`, "--timeout=0.3"];
      // The server is in this process, which therefore must not wait for the command.
      const [command, ...args] = commandOf(runtimeName());
      const child = spawn(command, [...args, "watch", ...to], {
        timeout: 30_000,
      });
      const code = await new Promise((resolve) => child.once("exit", resolve));
      assert.equal(code, 3);
    } finally {
      server.close();
    }
  });

  const noRoot = process.getuid?.() === 0 ? false : "needs root";
  test("ends a call if a name server does not reply", {
    skip: noRoot,
  }, () => {
    const server = join(directory.path, "silent.mjs");
    const resolver = join(directory.path, "resolv.conf");
    writeFileSync(resolver, "nameserver 127.0.0.1\n");
    writeFileSync(
      server,
      `import { createSocket } from "node:dgram";
       createSocket("udp4").bind(53, "127.0.0.1");`,
    );
    // In namespaces of its own: a loopback interface, and the list of name servers.
    const inside = `mount --bind ${resolver} /etc/resolv.conf || exit 9
      ip link set lo up || exit 9
      ${process.execPath} run ${
      runtimeName() === "deno" ? "-A --unstable-net" : ""
    } ${server} & server=$!
      for i in 1 2 3 4 5 6 7 8 9 10; do
        grep -q :0035 /proc/net/udp && break; sleep 0.2
      done
      "$@"; code=$?; kill $server; exit $code`;
    const before = ["unshare", "-m", "-n", "sh", "-c", inside, "sh"];
    const started = performance.now();
    const { code, stderr } = runLull(
      ["health", "--url=http://name.example:1", "--timeout=0.5"],
      { before },
    );
    assert.match(stderr, /name\.example:1: the time limit is reached\n$/);
    assert.equal(code, 3);
    assert.ok(performance.now() - started < 8000, "it did not wait for it");
  });
});
