import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { Raw } from "../support/raw.ts";
import { until } from "../support/until.ts";

/** Requests whose body has begun, with a length and in chunks. */
const BEGUN = [
  'content-length: 99\r\n\r\n{"out',
  'transfer-encoding: chunked\r\n\r\n50\r\n{"out',
  'transfer-encoding: chunked\r\n\r\n5\r\n{"out\r\n',
];
const CALLS = [
  ["POST", "/snapshot/prepare"],
  ["POST", "/snapshot/recover"],
  ["PUT", "/ports"],
];
/** How a caller leaves. */
const WAYS = ["destroy", "end", "reset"] as const;

/** Callers that leave in the middle of their body: that is no fault of the agent. */
export function incompleteBodies(target: Target): void {
  describe(`incomplete bodies on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target, ["--no-forward-ports"]);
    });
    after(async () => {
      await agent?.stop();
    });

    let polls = 0;
    /** How many requests the agent has begun, without those of this function. */
    async function begun(): Promise<number> {
      const { body } = await agent.ask("GET", "/metrics");
      polls++;
      return Number(/^lull_requests_total (\d+)$/m.exec(body)?.[1]) - polls;
    }

    /** The log lines of the requests of that path. */
    const linesOf = (path: string) =>
      agent.lines().filter((line) =>
        line.message === "request" && line.path === path
      );

    for (const way of WAYS) {
      test(`a caller that leaves (${way}) is refused, and nothing changes`, async () => {
        for (const body of BEGUN) {
          for (const [method, path] of CALLS) {
            const [before, earlier] = [await begun(), linesOf(path).length];
            const raw = await Raw.open(agent.port);
            try {
              raw.send(`${method} ${path} HTTP/1.1\r\nhost: lull\r\n${body}`);
              await until("the request", async () => await begun() > before);
              raw[way]();
              await until("its end", () => linesOf(path).length > earlier);
              const { level, status, problem } = linesOf(path).at(-1)!;
              assert.deepEqual(
                [level, status, problem],
                ["WARN", 400, "body-incomplete"],
                `${method} ${path} ${body}`,
              );
              // Deno can still reply to a caller that only ends its own side.
              await raw.gone();
              if (raw.received !== "") {
                assert.match(
                  raw.received,
                  /^HTTP\/1\.1 400 [^]*body-incomplete/,
                );
              }
            } finally {
              raw.destroy();
            }
          }
        }
        const { state, generation } = await agent.status();
        assert.deepEqual([state, generation], ["running", 0]);
        const errors = agent.lines().filter(({ level }) => level === "ERROR");
        assert.deepEqual(errors, []);
      });
    }
  });
}
