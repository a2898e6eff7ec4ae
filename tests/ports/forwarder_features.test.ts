import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { PortChange } from "../../src/ports/forwarded_ports.ts";
import { Forwarder } from "../../src/ports/forwarder.ts";
import { temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { Forwarding, refused } from "./forwarding.ts";
import {
  ask,
  dial,
  echoAfterEnd,
  FORWARD_ADDRESS,
  noIpv6,
  readText,
  STOP_LIMIT_MS,
  TestServer,
  WORKER_URL,
} from "./net.ts";

/** Another loopback address of this test alone. */
const SECOND = FORWARD_ADDRESS.replace(
  /^127\.(\d+)/,
  (_, n) => `127.${Number(n) + 100}`,
);

describe("Forwarder", () => {
  let rig: Forwarding;

  beforeEach(async () => void (rig = await Forwarding.start()));
  afterEach(() => rig.end());

  function make(
    options: Partial<ConstructorParameters<typeof Forwarder>[0]>,
  ): Forwarder {
    rig.forwarder = new Forwarder({
      ...{ forwardAddresses: [FORWARD_ADDRESS], workerUrl: WORKER_URL },
      ...{ ...rig.threads, log: rig.log, stopLimitMs: STOP_LIMIT_MS },
      ...options,
    });
    rig.made.push(rig.forwarder);
    return rig.forwarder;
  }

  it("listens on several addresses, and on those that are left", async () => {
    const port = await rig.serve(echoAfterEnd);
    make({ forwardAddresses: [FORWARD_ADDRESS, SECOND] });
    await rig.forward(port, "127.0.0.1");
    for (const host of [FORWARD_ADDRESS, SECOND]) {
      const socket = await dial(port, host);
      socket.end(host);
      assert.equal(await readText(socket), `${host} and that was all`);
    }
    assert.deepEqual(rig.log.lines, [
      `info forwarding ${FORWARD_ADDRESS}:${port}, ${SECOND}:${port} to 127.0.0.1`,
    ]);
    rig.forwarder.set(new Map([[port, ["127.0.0.1"]]]), [SECOND]);
    await until("the first to be released", () => refused(port));
    (await dial(port, SECOND)).destroy();
  });

  it("listens where it can if one of the addresses is taken", async () => {
    const port = await rig.serve(echoAfterEnd);
    const taker = new TestServer(() => {});
    await taker.listen(SECOND, port);
    try {
      make({ forwardAddresses: [FORWARD_ADDRESS, SECOND], steer: false });
      await rig.forward(port, "127.0.0.1");
      assert.equal(rig.forwarder.ports[0].error, "EADDRINUSE");
      assert.equal(await ask(port, "one"), "one and that was all");
    } finally {
      await taker.close();
    }
    rig.forwarder.set(new Map([[port, ["127.0.0.1"]]]));
    await until(
      "both",
      () => rig.forwarder.ports[0].error === undefined,
    );
    (await dial(port, SECOND)).destroy();
  });

  it("counts connections and bytes, also after a stop", async () => {
    const port = await rig.serve(echoAfterEnd);
    await rig.forward(port, "127.0.0.1");
    const before = await rig.forwarder.counts();
    assert.deepEqual(before.ports.get(port), {
      ...{ connections: 0, open: 0, bytesIn: 0, bytesOut: 0 },
    });
    assert.equal(await ask(port, "1234"), "1234 and that was all");
    const client = await dial(port);
    client.write("12");
    const expected = {
      ...{ connections: 2, open: 1, bytesIn: 6, bytesOut: 21 },
    };
    await until("all of it", async () => {
      const { open, bytesIn } = (await rig.forwarder.counts()).ports.get(port)!;
      return open === 1 && bytesIn === 6;
    });
    const { ports, totals } = await rig.forwarder.counts();
    assert.deepEqual(ports.get(port), expected);
    assert.deepEqual(totals, expected);
    client.on("error", () => {});
    await rig.forwarder.stop();
    const after = await rig.forwarder.counts();
    assert.equal(after.ports.size, 0);
    assert.deepEqual(after.totals, { ...expected, open: 0 });

    await rig.forward(port, "127.0.0.1");
    assert.equal(await ask(port, "1"), "1 and that was all");
    const again = await rig.forwarder.counts();
    assert.equal(again.ports.get(port)?.connections, 1);
    assert.equal(again.totals.connections, 3);
    assert.equal(again.totals.bytesIn, 7);
  });

  it("tells which ports open and close, and since when one is open", async () => {
    const port = await rig.serve(echoAfterEnd);
    const changes: PortChange[] = [];
    make({ onChange: (change) => void changes.push(change) });
    const start = performance.now();
    await rig.forward(port, "127.0.0.1");
    const { since } = rig.forwarder.entries[0];
    assert.ok(since! >= start && since! <= performance.now(), `${since}`);
    rig.forwarder.set(new Map());
    await rig.forward(port, "127.0.0.1");
    await rig.forwarder.stop();
    const all = { protocol: "tcp", port, targets: ["127.0.0.1"] };
    assert.deepEqual(
      changes,
      ["opened", "closed", "opened", "closed"].map((change) => ({
        ...{ change, ...all },
      })),
    );
  });

  it("sends the header of the PROXY protocol first, if the port is named", async () => {
    const servers: string[] = [];
    const port = await rig.serve((socket) => {
      socket.on("data", (bytes) => servers.push(bytes.toString("latin1")));
      socket.write("welcome");
    });
    const other = await rig.serve(echoAfterEnd);
    make({ proxyProtocol: (one) => one === port });
    rig.forwarder.set(new Map([[port, ["127.0.0.1"]], [other, ["127.0.0.1"]]]));
    await until("both", () => rig.listening(port) && rig.listening(other));
    assert.equal(await ask(other, "plain"), "plain and that was all");
    const client = await dial(port);
    // The client waits for the server, which waits for the header.
    await once(client, "data");
    client.write("hello");
    await until("the bytes", () => servers.join("").endsWith("hello"));
    const bytes = Buffer.from(servers.join(""), "latin1");
    assert.equal(
      bytes.subarray(0, 16).toString("hex"),
      "0d0a0d0a000d0a515549540a2111000c",
    );
    const address = [...bytes.subarray(16, 20)].join(".");
    assert.equal(address, client.localAddress);
    assert.equal([...bytes.subarray(20, 24)].join("."), FORWARD_ADDRESS);
    assert.equal(bytes.readUInt16BE(24), client.localPort);
    assert.equal(bytes.readUInt16BE(26), port);
    assert.equal(bytes.subarray(28).toString(), "hello");
    client.destroy();
  });

  it("sends the header of a client over IPv6", { skip: noIpv6 }, async () => {
    const chunks: Uint8Array[] = [];
    const port = await rig.serve((socket) =>
      socket.on("data", (bytes: Uint8Array) => chunks.push(bytes))
    );
    make({ forwardAddresses: ["::1"], proxyProtocol: () => true });
    await rig.forward(port, "127.0.0.1");
    const client = await dial(port, "::1");
    client.write("six");
    await until("the bytes", () => Buffer.concat(chunks).includes("six"));
    const received = Buffer.concat(chunks);
    assert.equal(received.subarray(12, 16).toString("hex"), "21210024");
    const loopback = "00".repeat(15) + "01";
    assert.equal(received.subarray(16, 48).toString("hex"), loopback.repeat(2));
    assert.equal(received.readUInt16BE(48), client.localPort);
    assert.equal(received.subarray(52).toString(), "six");
    client.destroy();
  });

  it("forwards to a unix socket, both ways and to its end", async () => {
    const directory = temporary();
    const path = `${directory.path}/app.sock`;
    const server = createServer({ allowHalfOpen: true }, echoAfterEnd);
    server.listen(path);
    await once(server, "listening");
    try {
      const port = await rig.serve(() => {});
      await rig.servers.pop()?.close();
      await rig.forward(port, `unix:${path}`);
      assert.equal(await ask(port, "unix"), "unix and that was all");
      const large = "x".repeat(5_000_000);
      assert.equal(await ask(port, large), `${large} and that was all`);
    } finally {
      server.close();
      directory.remove();
    }
  });

  it("resets the client of a unix socket that is gone or resets", async () => {
    const directory = temporary();
    const path = `${directory.path}/app.sock`;
    const server = createServer((socket) => {
      socket.once("data", () => socket.destroy());
    });
    server.listen(path);
    await once(server, "listening");
    try {
      const port = await rig.serve(() => {});
      await rig.servers.pop()?.close();
      await rig.forward(port, `unix:${path}`);
      const client = await dial(port);
      client.on("error", () => {});
      client.write("x");
      client.resume();
      await Promise.race([once(client, "close"), once(client, "end")]);
      client.destroy();
      server.close();
      const late = connect({ host: FORWARD_ADDRESS, port });
      const [error] = await once(late, "error");
      assert.equal(error.code, "ECONNRESET");
    } finally {
      server.close();
      directory.remove();
    }
    await until("no connection", async () => {
      const { totals } = await rig.forwarder.counts();
      return totals.open === 0;
    });
  });
});
