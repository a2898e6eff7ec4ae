import assert from "node:assert/strict";
import type net from "node:net";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { LullClient, type PortEvent } from "../../src/client/mod.ts";
import { FORWARD_ADDRESS, type Target, TestAgent } from "../support/agent.ts";
import { silence } from "../support/silence.ts";
import { until } from "../support/until.ts";
import { echo, portOf, through } from "./echo.ts";
import { refused } from "./refused.ts";

/** Milliseconds without a wakeup. */
const SILENCE_MS = 1000;

/** GET /ports, PUT /ports, and the events of ports. */
export function ports(target: Target): void {
  describe(`ports on ${target}`, () => {
    let server: net.Server;
    let port: number;
    let agent: TestAgent;
    let client: LullClient;
    before(async () => {
      server = await echo({ host: "127.0.0.1", port: 0 });
      port = portOf(server);
      agent = await TestAgent.start(target, [
        "--no-reset-connections",
        `--forward-include=${port}`,
      ]);
      client = new LullClient(`http://127.0.0.1:${agent.port}`);
    });
    after(async () => {
      await agent?.stop();
      server?.close();
    });

    const forwarded = () =>
      until(
        "the port to be forwarded",
        async () => await through(port, "hello") === "hello",
      );
    const gone = () =>
      until(
        "the port to be released",
        async () => await through(port, "hello") === undefined,
      );

    test("are listed with their processes, counts and times", async () => {
      await forwarded();
      const before = await client.ports();
      assert.equal(await through(port, "12345"), "12345");
      const { ports, ...rest } = await client.ports();
      assert.deepEqual(rest, {
        state: "running",
        addresses: [FORWARD_ADDRESS],
        rules: { include: [String(port)], exclude: [] },
        complete: true,
      });
      assert.equal(ports.length, 1);
      const { since, processes, targets, ...counted } = ports[0];
      const { connections, bytesIn, bytesOut, ...one } = counted;
      assert.deepEqual(one, {
        protocol: "tcp",
        port,
        addresses: [FORWARD_ADDRESS],
        open: 0,
      });
      // Agents of other test runs may forward the same port, from a loopback address of theirs.
      assert.equal(targets[0], "127.0.0.1");
      const former = before.ports[0];
      assert.equal(connections, former.connections + 1);
      assert.equal(bytesIn, former.bytesIn + 5);
      assert.equal(bytesOut, former.bytesOut + 5);
      const age = Date.now() - Date.parse(since!);
      assert.ok(age >= 0 && age < 60_000, `${since}`);
      const own = processes.find(({ pid }) => pid === process.pid);
      assert.ok(own !== undefined && own.name.length > 0);
    });

    test("have totals in the metrics, and no label for a port", async () => {
      await forwarded();
      const text = await client.metrics();
      const value = (name: string) =>
        Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
      const { ports: [{ connections, bytesIn }] } = await client.ports();
      assert.equal(value("lull_forwarded_ports"), 1);
      assert.equal(value("lull_forwarded_connections_total"), connections);
      assert.equal(
        value('lull_forwarded_bytes_total\\{direction="in"\\}'),
        bytesIn,
      );
      assert.ok(!text.includes(String(port)));
    });

    test("follow new rules at once, also after a recovery", async () => {
      await forwarded();
      const rules = { include: [], exclude: [`${port - 1}-${port + 1}`] };
      const reply = await client.setPorts(rules);
      assert.deepEqual(reply, { rules, applied: true });
      assert.ok(!(await client.ports()).ports.some((one) => one.port === port));
      await gone();
      await agent.settle();
      await agent.health();
      await until(
        "the ports to be back",
        async () => (await client.ports()).state === "running",
      );
      assert.deepEqual((await client.ports()).rules, rules);
      assert.equal(await through(port, "hello"), undefined);
      await client.setPorts({ include: [String(port)] });
      await forwarded();
    });

    test("get new rules while quiesced, which the recovery applies", async () => {
      await forwarded();
      await agent.settle();
      const list = await client.ports();
      assert.deepEqual([list.state, list.ports], ["stopped", []]);
      const exclude = [String(port)];
      const reply = await client.setPorts({ exclude });
      assert.deepEqual(reply, {
        rules: { include: [], exclude },
        applied: false,
      });
      assert.equal((await agent.status()).state, "quiesced");
      assert.equal((await client.ports()).state, "stopped");
      await silence(agent.pid, SILENCE_MS);
      await agent.health();
      await until(
        "the ports to be back",
        async () => (await client.ports()).state === "running",
      );
      assert.equal(await through(port, "hello"), undefined);
      await client.setPorts({ include: [String(port)] });
      await forwarded();
    });

    test("have events when they open and close, and none in a round", async () => {
      await forwarded();
      const events: PortEvent[] = [];
      let ended = false;
      const reading = (async () => {
        for await (const event of client.portEvents()) events.push(event);
        ended = true;
      })();
      // A stream that is not open yet misses an event: rules are set until one arrives.
      await until("a closed port that opens again", async () => {
        await client.setPorts({ include: ["1"] });
        await gone();
        await client.setPorts({ include: [String(port)] });
        await forwarded();
        return events.length >= 2 && events.at(-1)?.change === "opened";
      });
      const first = events.findIndex(({ change }) => change === "closed");
      assert.deepEqual(
        events.slice(first, first + 2).map((event) => [
          ...[event.change, event.protocol, event.port, event.targets[0]],
        ]),
        [
          ["closed", "tcp", port, "127.0.0.1"],
          ["opened", "tcp", port, "127.0.0.1"],
        ],
      );
      const before = events.length;
      await agent.settle();
      assert.equal(ended, false);
      await agent.health();
      await reading;
      assert.ok(ended);
      assert.equal(events.length, before);
    });

    test("take no other rules than ports and ranges", async () => {
      const cases: readonly (readonly [unknown, string])[] = [
        [{ include: ["0"] }, "include.0"],
        [{ include: ["1-65536"] }, "include.0"],
        [{ exclude: ["80", "http"] }, "exclude.1"],
        [{ exclude: [80] }, "exclude.0"],
        [{ exclude: "80" }, "exclude"],
        [{ exclude: Array(1025).fill("80") }, "exclude"],
        [{ ports: [] }, ""],
      ];
      const { rules } = await client.ports();
      for (const [body, path] of cases) {
        const problem = await refused(
          ...[agent, "PUT", "/ports", JSON.stringify(body)] as const,
          ...[400, "invalid-input"] as const,
        );
        assert.equal(problem.errors?.[0].path, path, JSON.stringify(body));
      }
      await refused(agent, "PUT", "/ports", "[", 400, "invalid-input");
      await refused(agent, "POST", "/ports", "", 405, "method-not-allowed");
      assert.deepEqual((await client.ports()).rules, rules);
    });

    test("take rules only from callers that may prepare", async () => {
      await refused(agent, "PUT", "/ports", "{}", 403, "browser-call", {
        origin: "http://127.0.0.1",
      });
      const other = await TestAgent.start(target, ["--guest-calls=refuse"]);
      try {
        await refused(other, "PUT", "/ports", "{}", 403, "guest-call");
      } finally {
        await other.stop();
      }
    });
  });

  test(`an agent that forwards no ports says so on ${target}`, async () => {
    const agent = await TestAgent.start(target, ["--no-forward-ports"]);
    try {
      const client = new LullClient(`http://127.0.0.1:${agent.port}`);
      assert.deepEqual(await client.ports(), {
        state: "off",
        addresses: [],
        rules: { include: [], exclude: [] },
        complete: true,
        ports: [],
      });
      await refused(agent, "PUT", "/ports", "{}", 409, "forwards-no-ports");
    } finally {
      await agent.stop();
    }
  });
}
