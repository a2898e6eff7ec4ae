/**
 * The life of one agent process: from its start to its end, and what it told.
 * @module
 */
import assert from "node:assert/strict";
import { type LogLine, type Target, TestAgent } from "../support/agent.ts";
import {
  childrenOf,
  descriptorsOf,
  masksOf,
  socketsOn,
  threadsOf,
} from "../support/proc.ts";
import { until } from "../support/until.ts";
import type { Guest } from "./guest.ts";

/** What an agent holds while it is quiesced and no client is connected. */
interface Holdings {
  /** What each one points to. */
  readonly descriptors: readonly string[];
  readonly threads: number;
}

/** Files that a runtime may open, and threads that its pools may start, late. */
const LATE_DESCRIPTORS = 4;
const LATE_THREADS = 6;
/** Milliseconds of rounds until it holds what it held before. */
const HOLDINGS_MS = 30_000;
/** Milliseconds that hooks which hang may hold up the end of the process. */
const END_MS = 60_000;
/** Seconds of the agent's own lease. */
const LEASE_S = 2;
/** Seconds of the lease of a round that nothing may end. */
const ROUND_LEASE_S = 60;

/**
 * Messages of level ERROR: a prepare that a hook or another host has stopped, its
 * reply of 503. What else fails is a reply of 500, which fails the storm by itself.
 */
const EXPECTED = new Set(["prepare undone", "request"]);

/** One agent process. */
export class Life {
  /** `ends`: it got SIGTERM or SIGKILL, and its connections may break. */
  ends = false;
  killed = false;
  /** Hosts say that the machine was restored: waiting callers are gone then. */
  restores = false;
  /** Operations that a reply told to be quiesced. */
  readonly held = new Set<string>();
  #before: Holdings | undefined;
  readonly #mask: string;

  private constructor(readonly agent: TestAgent, readonly guest: Guest) {
    this.#mask = masksOf(agent.pid).get(agent.pid)!;
  }

  static async start(target: Target, guest: Guest): Promise<Life> {
    const agent = await TestAgent.start(
      target,
      [
        ...guest.flags,
        `--lease=${LEASE_S}`,
        "--log-level=info",
      ],
      {},
      guest.prefix,
    );
    guest.begin();
    return new Life(agent, guest);
  }

  /** Fails if the process has ended although no signal told it to. */
  assertAlive(): void {
    if (this.ends) return;
    assert.equal(this.agent.exitCode, undefined, "the agent ended by itself");
  }

  /** Sends the signal, and waits for the end of the process. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<void> {
    this.ends = true;
    this.killed = signal === "SIGKILL";
    this.agent.kill(signal);
    const { agent } = this;
    await until("the agent's end", () => agent.exitCode !== undefined, END_MS);
    if (this.killed) this.guest.killed();
    else assert.equal(this.agent.exitCode, 0, "exit code");
  }

  /** Resolves when no client is connected, and none waits to be accepted. */
  async alone(): Promise<void> {
    const { port } = this.agent;
    await until("the end of all connections", () => {
      this.assertAlive();
      return socketsOn(port, "01").length + socketsOn(port, "08").length === 0;
    });
  }

  /**
   * Whole rounds that go well, in a guest that runs: every step done, and all that it holds as it was
   * in the first round of this life. Usually that is one round. Deno keeps a part of an event loop
   * whose worker has ended, until a later worker; on a busy machine, it keeps those of two or three.
   */
  async round(): Promise<void> {
    const end = performance.now() + HOLDINGS_MS;
    for (;;) {
      const now = await this.#once();
      const before = this.#before ??= now;
      const holdsMore = now.descriptors.length >
          before.descriptors.length + LATE_DESCRIPTORS ||
        now.threads > before.threads + LATE_THREADS;
      if (!holdsMore) return;
      if (performance.now() < end) continue;
      assert.fail(
        `threads: ${now.threads} after ${before.threads}; ` +
          `descriptors: ${now.descriptors.length} after ${before.descriptors.length}: ` +
          now.descriptors.join(" "),
      );
    }
  }

  /** A round; gives what the agent holds while it is quiesced. */
  async #once(): Promise<Holdings> {
    const { agent, guest } = this;
    // The agent's own lease may end in a round on a busy machine.
    const reply = await agent.ask(
      "POST",
      `/snapshot/prepare?wait=settled&lease=${ROUND_LEASE_S}`,
    );
    assert.equal(reply.status, 200, reply.body);
    const { steps } = reply.json<{ steps: Step[] }>();
    assertWhole(steps);
    assert.notEqual(guest.frozen, false, "the workload is not frozen");
    await this.alone();
    const held = {
      descriptors: descriptorsOf(agent.pid),
      threads: threadsOf(agent.pid).length,
    };
    const health = await agent.health();
    assert.equal(health.status, 200, health.body);
    const { lastRecovery } = await agent.status();
    assertWhole(lastRecovery.steps);
    return held;
  }

  /** The agent runs, on all CPUs, without a lease, a child or a stopped part. */
  async assertAtRest(): Promise<void> {
    const { agent, guest } = this;
    const status = await agent.status();
    assert.equal(status.state, "running");
    assert.equal(status.lease.left, 0, "no lease runs");
    assert.equal(status.keepAlive, true, "keep-alive");
    assert.notEqual(status.ports.state, "stopped", "the port subsystem");
    for (const [thread, mask] of masksOf(agent.pid)) {
      assert.equal(mask, this.#mask, `the CPUs of thread ${thread}`);
    }
    await guest.assertThawed();
    await until(
      "the end of all children",
      () => childrenOf(agent.pid).length === 0,
      10_000,
    );
  }

  /** The log has no error, and a recovery for each operation that was held. */
  assertLog(): void {
    const lines = this.agent.lines();
    const errors = lines.filter(({ level, message }) =>
      (level === "ERROR" || level === "CRITICAL") && !EXPECTED.has(message)
    );
    assert.deepEqual(errors, []);
    for (const line of lines) {
      if (line.message === "recovered") assertUndone(line);
    }
    if (this.killed) return; // its log may end anywhere
    const recovered = new Set(
      lines.filter(({ message }) => message === "recovered")
        .map(({ operation }) => operation),
    );
    for (const operation of this.held) {
      assert.ok(recovered.has(operation), `${operation} is not recovered`);
    }
  }
}

interface Step {
  readonly name: string;
  readonly status: string;
  readonly reason?: string;
}

function assertWhole(steps: readonly Step[]): void {
  for (const step of steps) {
    assert.match(step.status, /^(done|skipped)$/, JSON.stringify(step));
  }
}

/** Hooks may fail to thaw: the guest's own fault. */
function assertUndone({ recovery }: LogLine): void {
  assertWhole((recovery as Step[]).filter(({ name }) => name !== "hooks"));
}
