import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { socketsOn } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { until } from "../support/until.ts";

const HALF_SENT = 100;
const IDLE = 1000;

/** What callers may take of the agent. How fast it stays is the bench's part. */
export function limits(target: Target): void {
  describe(`limits on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target, [
        "--max-connections=1200",
        "--max-requests-per-connection=5",
        "--no-forward-ports",
      ]);
    });
    after(async () => {
      await agent?.stop();
    });

    function established(): number {
      return socketsOn(agent.port, "01").length;
    }

    async function connect(count: number): Promise<Raw[]> {
      const all: Raw[] = [];
      // The queue of connections to accept holds a few hundred.
      while (all.length < count) {
        const some = Math.min(100, count - all.length);
        all.push(
          ...await Promise.all(
            Array.from({ length: some }, () => Raw.open(agent.port)),
          ),
        );
      }
      return all;
    }

    test("a connection is closed after its last request", async () => {
      const raw = await Raw.open(agent.port);
      for (let i = 1; i <= 5; i++) {
        raw.request("GET", "/snapshot");
        const reply = await raw.response();
        assert.equal(reply.headers.get("connection") === "close", i === 5);
      }
      await raw.gone();
    });

    test("a head of 8 KiB is read, one of 1 MiB is refused", async () => {
      const fits = await agent.ask("GET", "/health", "", {
        "x-long": "x".repeat(8000),
      });
      assert.equal(fits.status, 200);
      const raw = await Raw.open(agent.port);
      raw.request("GET", "/health", "", { "x-long": "x".repeat(2 ** 20) });
      const answer = await raw.response().then(
        (reply) => reply.status,
        () => "closed",
      );
      // Bun says 431, Deno 400.
      assert.ok([400, 431, "closed"].includes(answer), `${answer}`);
      raw.destroy();
      assert.equal((await agent.health()).status, 200);
    });

    test(
      "half-sent requests and idle connections delay no other caller",
      { timeout: 60_000 },
      async () => {
        const all = await connect(HALF_SENT + IDLE);
        all.slice(0, HALF_SENT).forEach((raw, i) =>
          raw.send(
            i % 2
              ? "POST /snapshot/prepare HTTP/1.1\r\nHost: lu"
              : "POST /snapshot/recover HTTP/1.1\r\nHost: lull\r\n" +
                'Content-Length: 99\r\n\r\n{"out',
          )
        );
        all.slice(HALF_SENT).forEach((raw) => raw.request("GET", "/snapshot"));
        for (const raw of all.slice(HALF_SENT)) await raw.response(20_000);
        assert.ok(established() >= HALF_SENT + IDLE);
        for (let i = 0; i < 20; i++) {
          assert.equal((await agent.health()).status, 200);
        }
        const report = (await agent.settle()).json<{
          steps: {
            name: string;
            status: string;
            effect?: { closed?: number };
          }[];
        }>();
        const step = report.steps.find(({ name }) => name === "connections");
        assert.equal(step?.status, "done");
        assert.ok(Number(step?.effect?.closed) >= HALF_SENT + IDLE);
        await Promise.all(all.map((raw) => raw.gone()));
        await until("no connection", () => established() === 0);
        assert.equal((await agent.health()).status, 200);
      },
    );

    test("beyond the limit those that idle longest are closed", async () => {
      const small = await TestAgent.start(target, [
        "--max-connections=20",
        "--header-timeout-ms=200000",
        "--idle-timeout-ms=200000",
        "--no-forward-ports",
      ]);
      try {
        const all: Raw[] = [];
        for (let i = 0; i < 60; i++) all.push(await Raw.open(small.port));
        const open = () => all.filter((raw) => !raw.closed).length;
        await until("the limit", () => open() <= 20);
        assert.equal((await small.health()).status, 200);
        assert.ok(!all.at(-1)!.closed, "the youngest stays");
        all.forEach((raw) => raw.destroy());
      } finally {
        await small.stop();
      }
    });
  });
}
