import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { FORWARD_ADDRESS, type Target, TestAgent } from "../support/agent.ts";
import { procAddress, socketsOn, threadsOf } from "../support/proc.ts";
import { until } from "../support/until.ts";
import { echo, portOf, through } from "./echo.ts";

/** Ports on loopback, from the forward address. */
export function forwarding(target: Target): void {
  describe(`forwarding on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target);
    });
    after(async () => {
      await agent?.stop();
    });

    const forwarded = (port: number) =>
      until(
        `port ${port} to be forwarded`,
        async () => await through(port, "hello") === "hello",
      );

    test("a port is forwarded, rests while quiesced, and works after", async () => {
      const server = await echo({ host: "127.0.0.1", port: 0 });
      try {
        await forwarded(portOf(server));
        // The agent hears of it from its worker, maybe after the first client.
        await until("its listening to be told", async () => {
          const { ports } = await agent.status();
          return ports.ports.find((p: { port: number }) =>
            p.port === portOf(server)
          )?.listening;
        });
        await agent.settle();
        assert.equal(await through(portOf(server), "hello"), undefined);
        const addresses = socketsOn(portOf(server), "0A").map((s) => s.local);
        assert.ok(
          !addresses.some((a) => a.startsWith(procAddress(FORWARD_ADDRESS))),
        );
        await agent.health();
        await forwarded(portOf(server));
      } finally {
        server.close();
      }
    });

    test("an open forwarded connection ends at the prepare", async () => {
      const server = await echo({ host: "127.0.0.1", port: 0 });
      try {
        await forwarded(portOf(server));
        const socket = net.connect({
          port: portOf(server),
          host: FORWARD_ADDRESS,
        });
        let ended = false;
        let received = "";
        socket.on("data", (data) => received += data);
        socket.on("close", () => ended = true);
        socket.on("error", () => ended = true);
        socket.write("still here");
        await until("the echo", () => received === "still here");
        await agent.settle();
        await until("the end", () => ended);
        await agent.health();
      } finally {
        server.close();
      }
    });

    test("a guest that forwards nothing pays for no thread", async () => {
      const other = await TestAgent.start(target, ["--no-forward-ports"]);
      try {
        assert.equal((await other.status()).ports, undefined);
        const report = (await other.settle()).json<
          { steps: { name: string; status: string; reason?: string }[] }
        >();
        const step = report.steps.find(({ name }) => name === "ports");
        assert.equal(step?.status, "skipped");
        assert.match(step?.reason ?? "", /forwardPorts=false/);
        await other.health();
        await until(
          "no more threads than the one that forwards",
          () => threadsOf(other.pid).length <= threadsOf(agent.pid).length,
        );
      } finally {
        await other.stop();
      }
    });
  });
}
