import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Scanner, type Targets } from "../../src/ports/scanner.ts";
import {
  PortSubsystem,
  type PortSubsystemOptions,
} from "../../src/ports/subsystem.ts";
import { NextTurn } from "../../src/next_turn.ts";
import { descriptorsOf } from "../support/descriptors.ts";
import { until } from "../support/until.ts";
import {
  ask,
  dial,
  echoAfterEnd,
  FORWARD_ADDRESS,
  RecordedLog,
  STOP_LIMIT_MS,
  TestServer,
  watchedRuntime,
  WORKER_URL,
} from "./net.ts";

/** Of TEST-NET-1 (RFC 5737), next to no machine's own. */
const NOWHERE = "192.0.2.254";

describe("PortSubsystem", () => {
  let server: TestServer;
  let log: RecordedLog;
  let own: number[];
  /** Ports of this test: what else listens on this machine is left alone. */
  let mine: Set<number>;
  let threads: Awaited<ReturnType<typeof watchedRuntime>>;
  let ports: PortSubsystem;

  beforeEach(async () => {
    server = new TestServer(echoAfterEnd);
    log = new RecordedLog();
    own = [];
    mine = new Set();
    threads = await watchedRuntime();
    ports = make({});
  });
  afterEach(async () => {
    await ports.stop();
    await server.close();
  });

  function make(overrides: Partial<PortSubsystemOptions>): PortSubsystem {
    const options: PortSubsystemOptions = {
      scanIntervalMs: 10,
      forwardAddress: FORWARD_ADDRESS,
      ownPorts: () => own,
      workerUrl: WORKER_URL,
      runtime: threads.runtime,
      later: new NextTurn(),
      log,
      stopLimitMs: STOP_LIMIT_MS,
      ...overrides,
    };
    if ("scanner" in overrides) return new PortSubsystem(options);
    const scanner = new Scanner(options);
    return new PortSubsystem({
      ...options,
      scanner: {
        scan: () => new Map([...scanner.scan()].filter(([p]) => mine.has(p))),
        close: () => scanner.close(),
      },
    });
  }

  async function listen(host: string, port?: number): Promise<number> {
    const chosen = await server.listen(host, port);
    mine.add(chosen);
    return chosen;
  }

  function forwarded(port: number) {
    return until(
      `port ${port} to be forwarded`,
      () => status(port)?.listening,
    );
  }

  function status(port: number) {
    return ports.status().ports.find((one) => one.port === port);
  }

  it("does nothing before start", () => {
    assert.deepEqual(ports.status(), { state: "stopped", ports: [] });
    assert.deepEqual(threads.threads, []);
  });

  it("forwards a port that opens, and gives it up when it closes", async () => {
    // the scanner that it makes itself: finds the ports of others, too
    ports = make({ scanner: undefined });
    ports.start();
    ports.start();
    const port = await listen("127.0.0.1");
    await forwarded(port);
    assert.equal(await ask(port, "hello"), "hello and that was all");
    assert.equal(ports.status().state, "running");
    assert.deepEqual(status(port), {
      port,
      targets: ["127.0.0.1"],
      listening: true,
    });
    await server.close();
    await until("the port to be gone", () => status(port) === undefined);
    assert.equal(threads.threads.length, 1);
  });

  it("scans in a later turn, and not at all where it was stopped before", async () => {
    const turns: (() => void)[] = [];
    const later = { do: (action: () => void) => void turns.push(action) };
    let scans = 0;
    const scan = () => {
      scans++;
      return new Map();
    };
    ports = make({ later, scanner: { scan, close() {} } });
    ports.start();
    assert.equal(ports.status().state, "running");
    await ports.stop();
    ports.start();
    assert.equal(scans, 0);
    for (const turn of turns) turn();
    await until("a scan", () => scans > 0);
    assert.equal(scans, 1, "the first start was taken back");
  });

  it("never forwards its own port", async () => {
    const port = await listen("127.0.0.1");
    own = [port];
    const other = new TestServer(echoAfterEnd);
    try {
      const shared = await other.listen("127.0.0.1");
      mine.add(shared);
      ports.start();
      await forwarded(shared);
      assert.equal(status(port), undefined);
    } finally {
      await other.close();
    }
  });

  it("tries a taken port again at each scan", async () => {
    const taker = new TestServer(() => {});
    try {
      const port = await taker.listen(FORWARD_ADDRESS);
      await listen("127.0.0.1", port);
      ports.start();
      await until("the failure", () => status(port)?.error === "EADDRINUSE");
      await taker.close();
      await forwarded(port);
      assert.equal(await ask(port, "mine"), "mine and that was all");
    } finally {
      await taker.close();
    }
  });

  it("leaves nothing behind after stop, and starts again", async () => {
    const port = await listen("127.0.0.1");
    for (let round = 0; round < 3; round++) {
      ports.start();
      await forwarded(port);
      const client = await dial(port);
      client.on("error", () => {});
      await until("the connection", () => server.connections === 1);
      assert.equal(openTables(), 2);

      const effect = await ports.stop();
      assert.deepEqual(effect, { ports: 1, connections: 1 });
      assert.deepEqual(ports.status(), { state: "stopped", ports: [] });
      assert.deepEqual(threads.alive(), []);
      assert.equal(openTables(), 0);
      await assert.rejects(dial(port), { code: "ECONNREFUSED" });
      await until("the server to see it", () => server.connections === 0);
      assert.deepEqual(await ports.stop(), { ports: 0, connections: 0 });
    }
    assert.equal(threads.threads.length, 3);
  });

  it("keeps to the last word of starts and stops in a row", async () => {
    const port = await listen("127.0.0.1");
    ports.start();
    await forwarded(port);
    const stopped = ports.stop();
    ports.start();
    ports.stop();
    ports.start();
    await stopped;
    await forwarded(port);
    assert.equal(await ask(port, "still"), "still and that was all");
    ports.start();
    await ports.stop();
    assert.equal(ports.status().state, "stopped");
    assert.deepEqual(threads.alive(), []);
  });

  it("ends a scan in flight before stop resolves, and ignores what it found", async () => {
    let finish: ((targets: Targets) => void) | undefined;
    let scans = 0;
    const closed: number[] = [];
    ports = make({
      scanner: {
        scan() {
          scans++;
          return new Promise<Targets>((resolve) => finish = resolve);
        },
        close: () => closed.push(scans),
      },
    });
    ports.start();
    await until("a scan", () => finish !== undefined);
    let done = false;
    const stopped = ports.stop().then(() => done = true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(done, false);
    assert.deepEqual(closed, []);
    finish?.(new Map([[1, ["127.0.0.1"]]]));
    await stopped;
    assert.deepEqual(closed, [1]);
    assert.deepEqual(ports.status().ports, []);
    assert.deepEqual(threads.threads, []);
  });

  it("scans on after a scan that failed, and reports it once", async () => {
    let scans = 0;
    ports = make({
      scanIntervalMs: 1,
      scanner: {
        scan() {
          scans++;
          throw new Error("no table");
        },
        close() {},
      },
    });
    ports.start();
    await until("more scans", () => scans > 3);
    assert.deepEqual(log.lines, ["warn Cannot scan for ports: no table"]);
  });

  it("rests while no interface has the address, and says so once", async () => {
    let looks = 0;
    let there = false;
    ports = make({
      hasAddress: () => {
        looks++;
        return there;
      },
    });
    const port = await listen("127.0.0.1");
    ports.start();
    await until("some looks", () => looks > 3);
    assert.deepEqual(ports.status(), { state: "resting", ports: [] });
    await ports.stop();
    ports.start();
    const before = looks;
    await until("more looks", () => looks > before + 3);
    assert.deepEqual(log.lines, [
      `info port forwarding rests: no interface has ${FORWARD_ADDRESS}`,
    ]);
    assert.deepEqual(threads.threads, []);

    there = true;
    await forwarded(port);
    assert.equal(ports.status().state, "running");
    assert.equal(await ask(port, "woken"), "woken and that was all");

    there = false;
    await until("rest", () => ports.status().state === "resting");
    assert.deepEqual(ports.status().ports, []);
  });

  it("asks the kernel for the address", async () => {
    ports = make({ forwardAddress: NOWHERE });
    ports.start();
    await until("rest", () => ports.status().state === "resting");
    assert.equal(log.lines.length, 1);
  });
});

/** How many descriptors of /proc/net/tcp and tcp6 this process has open. */
function openTables(): number {
  return descriptorsOf((path) => /\/net\/tcp6?$/.test(path));
}
