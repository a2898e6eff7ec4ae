import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LullClient, type StateEvent } from "../../src/client/mod.ts";
import { type Target, TestAgent } from "../support/agent.ts";
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

    test("over a unix socket end when a prepare begins", async () => {
      const raw = await Raw.openPath(path);
      raw.request("GET", "/snapshot/events");
      await until("the event", () => raw.received.includes('"running"'));
      await agent.ask("POST", "/snapshot/prepare?wait=settled");
      await raw.gone();
      assert.match(
        raw.received,
        /retry: 2000\nevent: state\ndata: \{"state":"preparing"/,
      );
      const once = await Raw.openPath(path);
      once.request("GET", "/snapshot/events");
      const { body } = await once.response();
      assert.match(
        body,
        /^retry: 2000\nevent: state\ndata: \{"state":"quiesced"/,
      );
      await once.gone();
      await agent.ask("POST", "/snapshot/recover");
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
