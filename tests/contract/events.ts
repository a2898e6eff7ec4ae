import assert from "node:assert/strict";
import { connect } from "node:http2";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LullClient, type StateEvent } from "../../src/client/mod.ts";
import { runtimeOf, type Target, TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";
import { socketsOn } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { silence } from "../support/silence.ts";
import { until } from "../support/until.ts";

/** A stream of events that is being read. */
class Stream {
  readonly events: StateEvent[] = [];
  ended = false;
  readonly #end = new AbortController();

  constructor(agent: TestAgent) {
    void this.#read(new LullClient(`http://127.0.0.1:${agent.port}`));
  }

  async #read(client: LullClient): Promise<void> {
    for await (const event of client.events(this.#end.signal)) {
      this.events.push(event);
    }
    this.ended = true;
  }

  get states(): string[] {
    return this.events.map(({ state }) => state);
  }

  close(): void {
    this.#end.abort();
  }
}

/** Milliseconds without a wakeup. */
const SILENCE_MS = 1500;

async function generationOf(agent: TestAgent): Promise<number> {
  return (await agent.status()).generation;
}

const LAST_CHUNK = "\r\n0\r\n\r\n";

/** A stream over the unix socket that has begun. */
async function begun(path: string): Promise<Raw> {
  const raw = await Raw.openPath(path);
  raw.request("GET", "/snapshot/events");
  await until("the event", () => raw.received.includes("\n\n\r\n"));
  return raw;
}

/** A connection to the unix socket that waits for no reply. */
async function idleUnix(path: string): Promise<Raw> {
  const raw = await Raw.openPath(path);
  raw.request("GET", "/health");
  assert.equal((await raw.response()).status, 200);
  return raw;
}

async function askUnix(path: string, method: string, call: string) {
  const raw = await Raw.openPath(path);
  try {
    raw.request(method, call);
    return await raw.response();
  } finally {
    raw.destroy();
  }
}

/** No connection hangs. */
async function answersOrIsClosed(raw: Raw): Promise<void> {
  if (!raw.closed) raw.request("GET", "/health");
  await until(
    "a reply, or the end",
    () => raw.closed || raw.received.includes("200 OK"),
  );
  raw.destroy();
}

/** GET /snapshot/events. */
export function events(target: Target): void {
  describe(`the events on ${target}`, () => {
    const directory = temporary();
    const path = join(directory.path, "agent.sock");
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target, [
        `--listen=127.0.0.1:0,unix:${path}`,
        "--no-forward-ports",
        "--no-reset-connections",
      ]);
    });
    after(async () => {
      await agent?.stop();
      directory.remove();
    });

    test("begin with the state now, and are silent until the recovery", async () => {
      const streams = [1, 2, 3].map(() => new Stream(agent));
      await until(
        "the first events",
        () => streams.every(({ events }) => events.length === 1),
      );
      const generation = await generationOf(agent);
      const call = "/snapshot/prepare?wait=settled&operation=one";
      const prepared = await agent.ask("POST", call);
      assert.equal(prepared.status, 200);
      await until(
        "the last events",
        () => streams.every(({ events }) => events.length === 3),
      );
      // The connections are open, and nothing wakes the agent.
      assert.equal(socketsOn(agent.port, "01").length, 3);
      await silence(agent.pid, SILENCE_MS);
      // A reply of the quiesced guest closes its own connection only.
      assert.equal((await agent.status()).state, "quiesced");
      await silence(agent.pid, SILENCE_MS);
      assert.equal(socketsOn(agent.port, "01").length, 3);
      assert.ok(streams.every(({ ended }) => !ended));
      await agent.ask("POST", "/snapshot/recover");
      await until("their ends", () => streams.every(({ ended }) => ended));
      for (const { events, states } of streams) {
        assert.deepEqual(states, ["running", "preparing", "quiesced"]);
        for (const event of events.slice(1)) {
          assert.equal(event.operation, "one");
          assert.equal(event.generation, generation);
        }
      }
    });

    test("that begin in a quiesced guest are silent, too", async () => {
      const generation = await generationOf(agent);
      await agent.ask("POST", "/snapshot/prepare?wait=settled&operation=two");
      const raw = await Raw.open(agent.port);
      raw.request("GET", "/snapshot/events");
      await until("the event", () => raw.received.includes("\n\n\r\n"));
      const text = "retry: 100\nevent: state\n" +
        `data: {"state":"quiesced","operation":"two","generation":${generation}}\n\n`;
      assert.match(raw.received, /^content-type: text\/event-stream\r$/im);
      assert.match(raw.received, /^cache-control: no-store\r$/im);
      const chunk = `${text.length.toString(16)}\r\n${text}\r\n`;
      assert.ok(raw.received.endsWith(`\r\n\r\n${chunk}`), raw.received);
      await silence(agent.pid, SILENCE_MS);
      assert.equal(raw.closed, false);
      await agent.ask("POST", "/snapshot/recover");
      await raw.gone();
      assert.ok(raw.received.endsWith(`${chunk}0\r\n\r\n`), raw.received);
    });

    test("of a client that has gone leave nothing behind", async () => {
      await agent.ask("POST", "/snapshot/prepare?wait=settled");
      const raw = await Raw.open(agent.port);
      raw.request("GET", "/snapshot/events");
      await until("the event", () => raw.received.includes("\n\n\r\n"));
      await silence(agent.pid, SILENCE_MS);
      raw.destroy();
      await silence(agent.pid, SILENCE_MS);
      await agent.ask("POST", "/snapshot/recover");
      await until(
        "no half-closed connection",
        () => socketsOn(agent.port, "08").length === 0,
      );
      assert.equal((await agent.health()).status, 200);
    });

    test("over a unix socket are silent, too, beside other connections", async () => {
      const idle = [await idleUnix(path)];
      const streams = [await begun(path), await begun(path)];
      idle.push(await idleUnix(path));
      await agent.ask("POST", "/snapshot/prepare?wait=settled");
      for (const stream of streams) {
        await until("the state", () => stream.received.includes('"quiesced"'));
      }
      await silence(agent.pid, SILENCE_MS);
      // The reply to another unix connection, and a stream that begins now.
      assert.equal((await askUnix(path, "GET", "/snapshot")).status, 200);
      streams.push(await begun(path));
      await silence(agent.pid, SILENCE_MS);
      assert.deepEqual(streams.map(({ closed }) => closed), [
        ...[false, false, false],
      ]);
      await agent.ask("POST", "/snapshot/recover");
      for (const stream of streams) {
        // A client ends its connection with the last chunk, in a running guest.
        await until("the end", () => stream.received.endsWith(LAST_CHUNK));
        stream.destroy();
      }
      for (const one of idle) await answersOrIsClosed(one);
    });

    test("over a unix socket outlive a prepare over another", async () => {
      const stream = await begun(path);
      const prepare = "/snapshot/prepare?wait=settled";
      assert.equal((await askUnix(path, "POST", prepare)).status, 200);
      await until("the state", () => stream.received.includes('"quiesced"'));
      await silence(agent.pid, SILENCE_MS);
      assert.equal(stream.closed, false);
      assert.equal(
        (await askUnix(path, "POST", "/snapshot/recover")).status,
        200,
      );
      await until("the end", () => stream.received.endsWith(LAST_CHUNK));
      stream.destroy();
    });

    test("over a unix socket leave the connection of a prepare alone", async () => {
      // Nothing tells these three connections apart.
      const [idle, host] = [await idleUnix(path), await idleUnix(path)];
      const stream = await begun(path);
      host.request("POST", "/snapshot/prepare?wait=settled");
      assert.equal((await host.response()).status, 200);
      await until(
        "the end of the stream, or its last state",
        () => /"quiesced"/.test(stream.received),
      );
      const again = await begun(path);
      await silence(agent.pid, SILENCE_MS);
      assert.equal(again.closed, false);
      await agent.ask("POST", "/snapshot/recover");
      await until("the end", () => again.received.endsWith(LAST_CHUNK));
      await until("the end", () => stream.received.endsWith(LAST_CHUNK));
      for (const one of [host, stream, again]) one.destroy();
      await answersOrIsClosed(idle);
    });

    test("over a unix socket, of a client that has gone, leave nothing behind", async () => {
      const [gone, goes] = [await begun(path), await begun(path)];
      gone.destroy();
      await agent.ask("POST", "/snapshot/prepare?wait=settled");
      await silence(agent.pid, SILENCE_MS);
      goes.destroy();
      await silence(agent.pid, SILENCE_MS);
      await agent.ask("POST", "/snapshot/recover");
      assert.equal((await askUnix(path, "GET", "/health")).status, 200);
    });

    test("end at a prepare over the same connection, which gets its reply", {
      skip: runtimeOf(target) === "bun" && "Bun speaks no HTTP/2",
    }, async () => {
      const session = connect(`http://127.0.0.1:${agent.port}`);
      session.on("error", () => {});
      const ask = (method: string, path: string) => {
        const said = { status: 0, text: "", ended: false };
        const call = session.request({ ":method": method, ":path": path });
        call.on("response", (head) => said.status = Number(head[":status"]));
        call.on("data", (bytes) => said.text += bytes);
        call.on("close", () => said.ended = true).on("error", () => {}).end();
        return said;
      };
      try {
        const stream = ask("GET", "/snapshot/events");
        await until("the event", () => stream.text.includes('"running"'));
        const prepare = ask("POST", "/snapshot/prepare?wait=settled");
        await until("both ends", () => prepare.ended && stream.ended);
        assert.equal(prepare.status, 200);
        assert.match(stream.text, /"preparing"/);
      } finally {
        session.destroy();
        await agent.ask("POST", "/snapshot/recover");
      }
    });

    test("answer HEAD with the length of the first one", async () => {
      const raw = await Raw.open(agent.port);
      raw.request("HEAD", "/snapshot/events");
      const { status, headers } = await raw.head();
      assert.equal(status, 200);
      assert.ok(Number(headers.get("content-length")) > 0);
      raw.destroy();
    });

    test("end with a client that hangs up", async () => {
      const before = socketsOn(agent.port, "01").length;
      const stream = new Stream(agent);
      await until("the first event", () => stream.events.length === 1);
      stream.close();
      await until(
        "no connection",
        () => socketsOn(agent.port, "01").length <= before,
      );
      assert.equal((await agent.health()).status, 200);
    });
  });
}
