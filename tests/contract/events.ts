import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { LullClient, type StateEvent } from "../../src/client/mod.ts";
import { type Target, TestAgent } from "../support/agent.ts";
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
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target, [
        "--no-forward-ports",
        "--no-reset-connections",
      ]);
    });
    after(async () => {
      await agent?.stop();
    });

    test("begin with the state now, and end when a prepare begins", async () => {
      const streams = [1, 2, 3].map(() => new Stream(agent));
      await until(
        "the first events",
        () => streams.every(({ events }) => events.length === 1),
      );
      const generation = await generationOf(agent);
      const path = "/snapshot/prepare?wait=settled&operation=one";
      const prepared = await agent.ask("POST", path);
      assert.equal(prepared.status, 200);
      await until("their ends", () => streams.every(({ ended }) => ended));
      for (const { events, states } of streams) {
        assert.deepEqual(states, ["running", "preparing"]);
        assert.equal(events[1].operation, "one");
        assert.equal(events[1].generation, generation);
      }
      // No connection stays, and nothing wakes the agent.
      assert.deepEqual(socketsOn(agent.port, "01"), []);
      await silence(agent.pid, SILENCE_MS);
      await agent.ask("POST", "/snapshot/recover");
    });

    test("of a quiesced guest are one, and its connection ends", async () => {
      const generation = await generationOf(agent);
      await agent.ask("POST", "/snapshot/prepare?operation=two");
      const raw = await Raw.open(agent.port);
      raw.request("GET", "/snapshot/events");
      const reply = await raw.response();
      assert.equal(reply.headers.get("content-type"), "text/event-stream");
      assert.equal(reply.headers.get("cache-control"), "no-store");
      assert.equal(
        reply.body,
        "retry: 2000\nevent: state\n" +
          `data: {"state":"quiesced","operation":"two","generation":${generation}}\n\n`,
      );
      await raw.gone();
      assert.equal((await agent.status()).state, "quiesced");
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
