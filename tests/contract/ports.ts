import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { LullClient, type PortEvent } from "../../src/client/mod.ts";
import { FORWARD_ADDRESS, type Target, TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";
import { silence } from "../support/silence.ts";
import { until } from "../support/until.ts";
import { refused } from "./refused.ts";

/** Another forward address of this test run alone. */
const SECOND = FORWARD_ADDRESS.replace(
  /^127\.(\d+)/,
  (_, n) => `127.${Number(n) + 100}`,
);

/** Milliseconds without a wakeup. */
const SILENCE_MS = 1000;

/** A server that sends back what it gets. */
async function echo(on: net.ListenOptions): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(on);
  await once(server, "listening");
  return server;
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

/** What comes back over TCP, in latin1; undefined if no program listens. */
function through(
  port: number,
  text: string,
  host = FORWARD_ADDRESS,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = "";
    const socket = net.connect({ port, host }, () => socket.end(text));
    socket.setEncoding("latin1");
    socket.on("data", (data) => received += data);
    socket.on("end", () => resolve(received));
    socket.on("error", () => resolve(undefined));
  });
}

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

    test("have events when they open and close, until a prepare", async () => {
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
      await agent.settle();
      await reading;
      assert.ok(ended);
      await agent.health();
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
