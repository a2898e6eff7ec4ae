import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { Scanner } from "../../src/ports/scanner.ts";
import { FORWARD_ADDRESS, noIpv6, RecordedLog, TestServer } from "./net.ts";

const LINE =
  "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41231 1 0000000000000000 100 0 0 10 0\n";

describe("Scanner", () => {
  const servers: TestServer[] = [];
  let log: RecordedLog;
  let scanner: Scanner;
  let own: number[] = [];

  before(() => {
    log = new RecordedLog();
    scanner = new Scanner({
      forwardAddresses: [FORWARD_ADDRESS],
      ownPorts: () => own,
      log,
    });
  });
  afterEach(async () => {
    own = [];
    for (const server of servers.splice(0)) await server.close();
  });
  after(() => scanner.close());

  async function listen(host: string, port = 0): Promise<number> {
    const server = new TestServer(() => {});
    servers.push(server);
    return await server.listen(host, port);
  }

  it("finds a listener on 127.0.0.1 and sees it go", async () => {
    const port = await listen("127.0.0.1");
    assert.deepEqual(scanner.scan().get(port), ["127.0.0.1"]);
    await servers.pop()?.close();
    assert.equal(scanner.scan().has(port), false);
  });

  it("names the address of any other listener in 127.0.0.0/8", async () => {
    const port = await listen("127.0.0.53");
    assert.deepEqual(scanner.scan().get(port), ["127.0.0.53"]);
  });

  it("leaves what listens everywhere alone", async () => {
    const port = await listen("0.0.0.0");
    assert.equal(scanner.scan().has(port), false);
  });

  it("leaves listeners on the forward address alone", async () => {
    const port = await listen(FORWARD_ADDRESS);
    assert.equal(scanner.scan().has(port), false);
    await listen("127.0.0.1", port);
    assert.deepEqual(scanner.scan().get(port), ["127.0.0.1"]);
  });

  it("leaves Lull's own ports alone", async () => {
    const port = await listen("127.0.0.1");
    own = [port];
    assert.equal(scanner.scan().has(port), false);
  });

  it("finds a listener on ::1", { skip: noIpv6 }, async () => {
    const port = await listen("::1");
    assert.deepEqual(scanner.scan().get(port), ["::1"]);
  });

  it("merges both families, IPv4 first", { skip: noIpv6 }, async () => {
    const port = await listen("::1");
    await listen("127.0.0.1", port);
    assert.deepEqual(scanner.scan().get(port), ["127.0.0.1", "::1"]);
  });

  it("counts a v4-mapped listener as IPv4", { skip: noIpv6 }, async () => {
    const port = await listen("::ffff:127.0.0.1");
    assert.deepEqual(scanner.scan().get(port), ["127.0.0.1"]);
  });

  it("finds all of many more listeners than its buffer holds at first", async () => {
    const ports: number[] = [];
    for (let i = 0; i < 200; i++) ports.push(await listen("127.0.0.1"));
    const found = scanner.scan();
    assert.deepEqual(ports.filter((port) => !found.has(port)), []);
  });

  it("works on after close", async () => {
    const port = await listen("127.0.0.1");
    scanner.close();
    scanner.close();
    assert.ok(scanner.scan().has(port));
    assert.deepEqual(log.lines, []);
  });
});

describe("Scanner, tables that fail", () => {
  const directory = mkdtempSync(join(tmpdir(), "lull-scanner-"));
  const table = join(directory, "tcp");
  after(() => rmSync(directory, { recursive: true }));

  function scan(paths: string[]) {
    const log = new RecordedLog();
    const scanner = new Scanner({
      forwardAddresses: [FORWARD_ADDRESS],
      ownPorts: () => [],
      log,
      paths,
    });
    return { log, scanner };
  }

  it("takes a missing table for an empty one", () => {
    writeFileSync(table, LINE);
    const { log, scanner } = scan([table, join(directory, "tcp6")]);
    assert.deepEqual([...scanner.scan().keys()], [8080]);
    assert.deepEqual(log.lines, []);
    scanner.close();
    rmSync(table);
  });

  it("reports a failing table once, and opens it again at each scan", () => {
    mkdirSync(table);
    const { log, scanner } = scan([table]);
    assert.equal(scanner.scan().size, 0);
    assert.equal(scanner.scan().size, 0);
    assert.deepEqual(log.lines, [`warn Cannot read ${table}: EISDIR`]);
    rmdirSync(table);
    writeFileSync(table, LINE);
    assert.deepEqual([...scanner.scan().keys()], [8080]);
    scanner.close();
  });
});
