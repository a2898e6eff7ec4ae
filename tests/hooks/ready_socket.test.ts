import assert from "node:assert/strict";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, before, beforeEach, describe, test } from "node:test";
import { READY_SOCKET, ReadySocket } from "../../src/hooks/ready_socket.ts";
import { envFileOf, writeEnvFile } from "../../src/identity/env_file.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const FIRST = {
  ...{ generation: 4, outcome: "restored" as const, operation: "one" },
};

/** A program that waits: what it got, and whether the connection has ended. */
class Program {
  text = "";
  ended = false;
  readonly socket: Socket;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("data", (bytes) => this.text += bytes);
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.ended = true);
  }

  async got(): Promise<Record<string, unknown>> {
    await until("its end", () => this.ended);
    return JSON.parse(this.text);
  }
}

describe("programs that have reached their point", () => {
  let libc: Libc;
  let directory: ReturnType<typeof temporary>;
  let ready: ReadySocket;
  let path = "";
  before(async () => void (libc = await realLibc()));
  beforeEach(() => {
    directory = temporary();
    path = join(directory.path, READY_SOCKET);
    ready = new ReadySocket(libc, directory.path);
    ready.open();
  });
  afterEach(() => {
    ready.close();
    directory.remove();
  });
  const count = (wanted: number) =>
    until(`${wanted} programs`, () => ready.count === wanted);

  test("go on after the recovery, each once", async () => {
    const programs = [new Program(path), new Program(path)];
    await count(2);
    assert.equal(ready.isDue, false);
    ready.begin();
    assert.equal(ready.isDue, true);
    writeEnvFile(envFileOf(directory.path), { NAME: "fork 1" });
    await ready.release(FIRST);
    assert.equal(ready.isDue, false);
    assert.equal(ready.count, 0);
    for (const program of programs) {
      const { generation, outcome, operation, bootId, env } = await program
        .got();
      assert.deepEqual({ generation, outcome, operation }, FIRST);
      assert.deepEqual(env, { NAME: "fork 1" });
      assert.equal(typeof bootId, "string");
    }
    ready.begin();
    assert.equal(ready.isDue, false);
  });

  test("that come during a recovery wait for the next one", async () => {
    const early = new Program(path);
    await count(1);
    ready.begin();
    const late = new Program(path);
    await count(2);
    await ready.release(FIRST);
    assert.equal((await early.got()).generation, 4);
    assert.equal(ready.count, 1);
    assert.equal(late.text, "");
    ready.begin();
    await ready.release({ ...FIRST, generation: 5 });
    assert.equal((await late.got()).generation, 5);
  });

  test("that have ended do not count, also if their recovery has begun", async () => {
    const [first, second] = [new Program(path), new Program(path)];
    await count(2);
    first.socket.destroy();
    await count(1);
    ready.begin();
    second.socket.destroy();
    await count(0);
    assert.equal(ready.isDue, false);
  });

  test("need no descriptor of the agent once they have gone on", async () => {
    const open = () => readdirSync("/proc/self/fd").length;
    const idle = open();
    const program = new Program(path);
    await count(1);
    ready.begin();
    await ready.release(FIRST);
    await program.got();
    await until("the end", () => ready.count === 0 && open() === idle);
  });

  test("may have closed their own half", async () => {
    const program = new Program(path);
    program.socket.end();
    await count(1);
    ready.begin();
    await ready.release(FIRST);
    assert.equal((await program.got()).generation, 4);
  });

  test("see the end of the agent", async () => {
    const [taken, pending] = [new Program(path), new Program(path)];
    await count(2);
    const untaken = new Program(path);
    await until("a connection", () => untaken.socket.readyState === "open");
    ready.close();
    for (const program of [taken, pending, untaken]) {
      await until("its end", () => program.ended);
      assert.equal(program.text, "");
    }
    assert.throws(() => statSync(path), { code: "ENOENT" });
    ready.close();
    assert.equal(ready.count, 0);
  });

  test("reach the socket of the next agent, and only its owner and group may", async () => {
    ready.close();
    writeFileSync(path, "the file of a killed agent");
    ready.open();
    assert.equal(statSync(path).mode & 0o777, 0o660);
    new Program(path);
    await count(1);
  });

  test("have no socket without a C library, or with a path that is too long", () => {
    const none = new ReadySocket({}, directory.path);
    none.open();
    none.begin();
    assert.equal(none.count, 0);
    none.close();
    const long = new ReadySocket(libc, `/${"x".repeat(100)}`);
    assert.throws(() => long.open(), /the path is too long/);
  });
});
