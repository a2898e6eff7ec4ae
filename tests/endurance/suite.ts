import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import {
  holdings,
  LATE_THREADS,
  look,
  NOISE,
  SETTLES,
} from "../support/holdings.ts";
import { descriptorsOf } from "../support/proc.ts";
import { until } from "../support/until.ts";

function isListening({ listening }: { listening: boolean }): boolean {
  return listening;
}

/** Rounds over rounds: nothing may be left behind. */
export function endurance(target: Target): void {
  describe(`endurance on ${target}`, () => {
    const long = { timeout: 300_000 };

    test("1,000 rounds leave what they found", long, async () => {
      const agent = await TestAgent.start(target, ["--no-forward-ports"]);
      async function rounds(count: number) {
        for (let i = 0; i < count; i++) {
          if (i % 10 === 0) await agent.settle();
          else await agent.ask("POST", "/snapshot/prepare");
          await agent.health();
        }
      }
      try {
        // The first hundreds warm up compilers and pools.
        await rounds(300);
        const before = await look(agent);
        await rounds(1000);
        const after = await look(agent);
        const { generation } = await agent.status();
        assert.equal(generation, 1300 + 2 * SETTLES);
        assert.equal(after.descriptors, before.descriptors);
        assert.equal(after.sockets, before.sockets);
        assert.ok(
          after.threads <= before.threads + LATE_THREADS,
          `${before.threads} threads, then ${after.threads}`,
        );
        const grown = after.memory - before.memory;
        assert.ok(grown <= NOISE, `grew by ${grown} bytes`);
      } finally {
        await agent.stop();
      }
    });

    test(
      "rounds with a forwarded port leave no thread, no socket, no memory",
      long,
      async () => {
        const server = net.createServer((socket) => socket.end());
        await new Promise<void>((resolve) =>
          server.listen(0, "127.0.0.1", resolve)
        );
        const agent = await TestAgent.start(target);
        async function rounds(count: number) {
          for (let i = 0; i < count; i++) {
            await until(
              "a forwarded port",
              async () => (await agent.status()).ports.ports.some(isListening),
            );
            await agent.settle();
            await agent.health();
          }
        }
        try {
          await rounds(60);
          const before = await look(agent);
          await rounds(120);
          const { memory } = await look(agent);
          const grown = memory - before.memory;
          assert.ok(grown <= NOISE, `grew by ${grown} bytes`);
          // Other programs of this machine stop to listen meanwhile, and are not
          // forwarded any more: fewer is right. Deno keeps a part of an event loop whose
          // worker has ended, until a later worker: one look may find more.
          let after = await holdings(agent);
          const isMore = (what: "descriptors" | "sockets") =>
            after[what] > before[what];
          const end = performance.now() + 30_000;
          while (isMore("descriptors") || isMore("sockets")) {
            const told = `${JSON.stringify(before)}, then ${
              JSON.stringify(after)
            }: `;
            const open = () => descriptorsOf(agent.pid).join(" ");
            assert.ok(performance.now() < end, told + open());
            await rounds(1);
            after = await holdings(agent);
          }
          assert.ok(
            after.threads <= before.threads + LATE_THREADS,
            `${before.threads} threads, then ${after.threads}`,
          );
        } finally {
          await agent.stop();
          server.close();
        }
      },
    );
  });
}
