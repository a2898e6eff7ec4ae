import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { script, temporary } from "../../support/hooks.ts";
import { until } from "../../support/until.ts";

/** A guest with a hook that says when it is called and takes its time. */
class Guest {
  readonly #directory = temporary();
  readonly #said = join(this.#directory.path, "said");
  readonly #target: Target;

  constructor(target: Target, slow: "freeze" | "thaw" | "neither") {
    this.#target = target;
    const hooks = join(this.#directory.path, "hooks");
    mkdirSync(hooks);
    script(
      join(hooks, "hook"),
      `#!/bin/sh\necho "$1" >> ${this.#said}\n` +
        `[ "$1" = ${slow} ] && [ ! -e ${this.#said}.once ] && ` +
        `touch ${this.#said}.once && exec sleep 0.4\ntrue\n`,
    );
  }

  /** The calls of the hook so far, in their order. */
  get calls(): string[] {
    if (!existsSync(this.#said)) return [];
    return readFileSync(this.#said, "utf8").trim().split("\n");
  }

  /** Starts an agent, the first one or one after it. */
  start(): Promise<TestAgent> {
    return TestAgent.start(this.#target, [
      `--runtime-directory=${this.#directory.path}/run`,
      `--hook-directories=${this.#directory.path}/hooks`,
      "--drop-caches=off",
      "--no-compact-memory",
    ]);
  }

  remove(): void {
    this.#directory.remove();
  }
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
          const guest = new Guest(target, slow);
          const agent = await guest.start();
          try {
            await reach(agent, guest);
            agent.kill(signal);
            await until("its end", () => agent.exitCode !== undefined, 15_000);
            assert.equal(agent.exitCode, 0);
            assertThawed(guest);
            const last = agent.lines().at(-1);
            assert.equal(last?.message, "ended");
            assert.equal(last?.signal, signal);
          } finally {
            await agent.stop();
            guest.remove();
          }
        });
      }

      test(`SIGKILL while ${name}: the next start repairs`, async () => {
        const guest = new Guest(target, slow);
        const agents: TestAgent[] = [];
        try {
          const first = await guest.start();
          agents.push(first);
          await reach(first, guest);
          first.kill("SIGKILL");
          await until("its end", () => first.exitCode !== undefined);
          const second = await guest.start();
          agents.push(second);
          assertThawed(guest);
          assert.equal((await second.settle()).status, 200);
          assert.equal((await second.health()).status, 200);
          assertThawed(guest);
        } finally {
          for (const agent of agents) await agent.stop();
          guest.remove();
        }
      });
    }
  });
}
