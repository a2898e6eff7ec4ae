import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type net from "node:net";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { LullClient } from "../../src/client/mod.ts";
import { FORWARD_ADDRESS, type Target, TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";
import { silence } from "../support/silence.ts";
import { until } from "../support/until.ts";
import { echo, portOf, through } from "./echo.ts";

/** Another forward address of this test run alone. */
const SECOND = FORWARD_ADDRESS.replace(
  /^127\.(\d+)/,
  (_, n) => `127.${Number(n) + 100}`,
);

/** Milliseconds without a wakeup. */
const SILENCE_MS = 1000;

/** The reply to a datagram; undefined if there is none soon. */
function datagram(port: number, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const end = (reply?: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(end, 300);
    socket.on("message", (bytes) => end(bytes.toString()));
    socket.on("error", () => end());
    socket.send(text, port, FORWARD_ADDRESS);
  });
}

/** UDP, unix sockets, several addresses, and the PROXY protocol. */
export function forwardingWays(target: Target): void {
  describe(`forwarding in other ways on ${target}`, () => {
    const directory = temporary();
    const servers: net.Server[] = [];
    const udp = createSocket("udp4");
    let agent: TestAgent;
    let client: LullClient;
    let unixPort: number;
    let proxied: number;
    let udpPort: number;
    before(async () => {
      const path = `${directory.path}/app.sock`;
      const free = await echo({ host: "127.0.0.1", port: 0 });
      unixPort = portOf(free);
      free.close();
      servers.push(await echo({ path }));
      servers.push(await echo({ host: "127.0.0.1", port: 0 }));
      proxied = portOf(servers[1]);
      udp.on("message", (bytes, { port, address }) => {
        udp.send(`re ${bytes}`, port, address);
      });
      udp.bind({ address: "127.0.0.1", port: 0 });
      await once(udp, "listening");
      udpPort = udp.address().port;
      agent = await TestAgent.start(target, [
        "--no-reset-connections",
        `--forward-address=${SECOND}`,
        `--forward-include=${proxied},${udpPort}`,
        "--forward-udp",
        `--forward-unix=${path}=${unixPort}`,
        `--forward-proxy-protocol=${proxied}`,
      ]);
      client = new LullClient(`http://127.0.0.1:${agent.port}`);
    });
    after(async () => {
      await agent?.stop();
      for (const server of servers) server.close();
      udp.close();
      directory.remove();
    });

    /** Everything works, from both addresses. */
    async function allForwarded(): Promise<void> {
      await until(
        "the unix socket",
        async () => await through(unixPort, "unix") === "unix",
      );
      await until(
        "the second address",
        async () => await through(unixPort, "unix", SECOND) === "unix",
      );
      await until(
        "the UDP server",
        async () => await datagram(udpPort, "udp") === "re udp",
      );
      const header = await until("the header", () => through(proxied, "tcp"));
      assert.ok(header.startsWith("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"));
      assert.equal(header.slice(28), "tcp");
    }

    test("a unix socket, UDP and two addresses rest while quiesced, and work after", async () => {
      await allForwarded();
      const { ports, addresses } = await client.ports();
      assert.deepEqual(addresses, [FORWARD_ADDRESS, SECOND]);
      assert.deepEqual(
        ports.map(({ protocol, port, targets, processes }) => [
          ...[protocol, port, targets[0].split(":")[0]],
          processes.some(({ pid }) => pid === process.pid),
        ]).sort(),
        [
          ["tcp", unixPort, "unix", true],
          ["tcp", proxied, "127.0.0.1", true],
          ["udp", udpPort, "127.0.0.1", true],
        ].sort(),
      );
      const report = (await agent.settle()).json<
        { steps: { name: string; effect?: { ports: number } }[] }
      >();
      const step = report.steps.find(({ name }) => name === "ports");
      assert.equal(step?.effect?.ports, 3);
      for (const host of [FORWARD_ADDRESS, SECOND]) {
        assert.equal(await through(unixPort, "unix", host), undefined);
      }
      assert.equal(await datagram(udpPort, "udp"), undefined);
      // The mapping of the client before had a timer.
      await silence(agent.pid, SILENCE_MS);
      assert.equal((await agent.status()).state, "quiesced");
      await agent.health();
      await allForwarded();
    });
  });
}
