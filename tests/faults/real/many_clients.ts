import assert from "node:assert/strict";
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import { after, before, describe, test } from "node:test";
import {
  FORWARD_ADDRESS,
  type Target,
  TestAgent,
} from "../../support/agent.ts";
import { connectionsOf, descriptorsOf } from "../../support/proc.ts";
import { until } from "../../support/until.ts";
import { cannotLimit, FEW, WITH_FEW } from "./round.ts";

/** Each takes two descriptors of the agent. */
const CLIENTS = 100;

/** More clients of a forwarded port than the agent has descriptors for. */
export function manyClients(target: Target): void {
  describe(`many clients, on ${target}`, {
    skip: cannotLimit(),
  }, () => {
    let server: Server;
    let port: number;
    before(async () => {
      server = createServer((socket) => {
        socket.on("error", () => {});
        socket.write("hello");
      });
      await new Promise<void>((resolve) =>
        server.listen(0, "127.0.0.1", resolve)
      );
      port = (server.address() as AddressInfo).port;
    });
    after(() => server?.close());

    function dial(): Client {
      const socket = connect({ host: FORWARD_ADDRESS, port });
      const client: Client = { socket, state: "waits" };
      socket.once("data", () => client.state = "greeted");
      // A reset is told by both, in this order.
      socket.on("error", () => client.state = "lost");
      socket.on("close", () => client.state = "lost");
      return client;
    }

    async function greeted(): Promise<Client> {
      let client = dial();
      await until("a greeting", () => {
        if (client.state === "lost") client = dial();
        return client.state === "greeted";
      });
      return client;
    }

    test("a forwarder without descriptors lives, and goes on when it has some", async () => {
      const agent = await TestAgent.start(target, [], {}, WITH_FEW);
      const clients: Client[] = [];
      try {
        const first = await greeted();
        clients.push(first);
        const before = connectionsOf(agent.pid);
        for (let i = 0; i < CLIENTS; i++) clients.push(dial());
        // A client is lost for want of a descriptor, and its own is free again.
        await until(
          "no descriptor to be left",
          () =>
            descriptorsOf(agent.pid).length > FEW - 5 ||
            clients.some(({ state }) => state === "lost"),
        );
        assert.equal(first.state, "greeted");
        for (const { socket } of clients.splice(1)) socket.destroy();
        clients.push(await greeted());
        await until(
          "the crowd's descriptors",
          () => connectionsOf(agent.pid) <= before + 2,
        );
        assert.equal((await agent.settle()).status, 200);
        await until("the end of the first", () => first.state === "lost");
        assert.equal((await agent.health()).status, 200);
      } finally {
        for (const { socket } of clients) socket.destroy();
        await agent.stop();
      }
    });
  });
}

interface Client {
  readonly socket: Socket;
  state: "waits" | "greeted" | "lost";
}
