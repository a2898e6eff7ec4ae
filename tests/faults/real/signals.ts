import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Target, TestAgent } from "../../support/agent.ts";
import { Guest, notingHook } from "../../support/guest.ts";
import { until } from "../../support/until.ts";

/** Flags of an agent whose prepares take little time. */
const QUICK = ["--drop-caches=off", "--no-compact-memory"];

/** A guest whose hook takes its time in the first call of a phase. */
function guestWith(target: Target, slow: State["slow"]): Guest {
  return new Guest(target, (path) => {
    const once = `${path}/once`;
    return `${notingHook(path)}[ "$1" = ${slow} ] && [ ! -e ${once} ] && ` +
      `touch ${once} && exec sleep 0.4\ntrue\n`;
  });
}

interface State {
  readonly name: string;
  readonly slow: "freeze" | "thaw" | "neither";
  /** Brings an agent there. */
  readonly reach: (agent: TestAgent, guest: Guest) => Promise<unknown>;
}

/** Sends a request, and does not wait for the reply. */
function send(agent: TestAgent, method: string, path: string): void {
  agent.ask(method, path).catch(() => {});
}

const STATES: readonly State[] = [
  { name: "running", slow: "neither", reach: (agent) => agent.health() },
  {
    name: "preparing",
    slow: "freeze",
    reach(agent, guest) {
      send(agent, "POST", "/snapshot/prepare");
      return until("the freeze", () => guest.calls.includes("freeze"));
    },
  },
  {
    name: "settling",
    slow: "neither",
    reach: (agent) => agent.ask("POST", "/snapshot/prepare"),
  },
  { name: "quiesced", slow: "neither", reach: (agent) => agent.settle() },
  {
    name: "recovering",
    slow: "thaw",
    async reach(agent, guest) {
      await agent.settle();
      send(agent, "GET", "/health");
      return await until("the thaw", () => guest.calls.includes("thaw"));
    },
  },
];

/** Every freeze is followed by a thaw: no program in the guest is left waiting. */
function assertThawed({ calls }: Guest): void {
  assert.notEqual(calls.at(-1), "freeze", calls.join(", "));
}

/** Ends in every state. */
export function signals(target: Target): void {
  describe(`signals on ${target}`, () => {
    for (const { name, slow, reach } of STATES) {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        test(`${signal} while ${name}: recovers, then ends`, async () => {
          await using guest = guestWith(target, slow);
          const agent = await guest.start(...QUICK);
          await reach(agent, guest);
          agent.kill(signal);
          await until("its end", () => agent.exitCode !== undefined, 15_000);
          assert.equal(agent.exitCode, 0);
          assertThawed(guest);
          const last = agent.lines().at(-1);
          assert.equal(last?.message, "ended");
          assert.equal(last?.signal, signal);
        });
      }

      test(`SIGKILL while ${name}: the next start repairs`, async () => {
        await using guest = guestWith(target, slow);
        const first = await guest.start(...QUICK);
        await reach(first, guest);
        await guest.kill(first);
        const second = await guest.start(...QUICK);
        assertThawed(guest);
        assert.equal((await second.settle()).status, 200);
        assert.equal((await second.health()).status, 200);
        assertThawed(guest);
      });
    }
  });
}
