/**
 * The agent on this machine, without a machine around it: starts, memory,
 * times, silence.
 * @module
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import type { Kind } from "../../src/lifecycle/request.ts";
import { SETTINGS } from "../../src/runtime/bun/prepare_process.ts";
import { commandOf, type Target, TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";
import { memoryOf } from "../support/proc.ts";
import { Raw } from "../support/raw.ts";
import { idleWakeups } from "./idle.ts";
import { type Rest, watchRest } from "./process.ts";
import type { Report } from "./report.ts";
import { request } from "./request.ts";
import { startMs } from "./start.ts";
import { pass, spread } from "./stats.ts";

/** The columns of the table, and what runs in each. */
export const TARGETS: readonly (readonly [string, Target])[] = [
  ["bun binary", "binary"],
  ["deno", "bundle"],
];

const ROUNDS = 24;
const LOAD_MS = 2000;
const REST_S = 10;
/** Threads of the runtimes' pools end 10 s after their last work. */
const LATE_MS = 12_000;
const CONNECTIONS = 16;
const PART = "native";
const MIB = 2 ** 20;

const COMMON_FLAGS = [
  "--log-level=info",
  // the default of the agent; the agents of tests go without
  "--page-out=unneeded",
];
/** Nothing is forwarded, so that the figures are the core's own. */
const FLAGS = ["--forward-ports=false", ...COMMON_FLAGS];

/** Runs it all; `kind` is the kind of snapshot for which the agents prepare. */
export async function native(report: Report, kind?: Kind): Promise<void> {
  const flags = kind === undefined
    ? FLAGS
    : [...FLAGS, `--snapshot-kind=${kind}`];
  const rows = new Map<string, [string, Record<string, number | string>]>();
  const note = (
    name: string,
    unit: string,
    column: string,
    value: number | string,
  ) => {
    if (!rows.has(name)) rows.set(name, [unit, {}]);
    rows.get(name)![1][column] = value;
  };
  for (const [column, target] of TARGETS) {
    await one(
      target,
      flags,
      (name, unit, value) => note(name, unit, column, value),
      report,
    );
  }
  for (const [name, [unit, values]] of rows) {
    report.add(PART, name, unit, values);
  }
}

type Note = (name: string, unit: string, value: number | string) => void;

async function one(
  target: Target,
  flags: string[],
  note: Note,
  report: Report,
): Promise<void> {
  const program = commandOf(target)[0];
  const path = target === "binary"
    ? program
    : spawnSync(program, ["eval", "console.log(Deno.execPath())"], {
      encoding: "utf8",
    }).stdout.trim();
  note("size of the program", "MiB", statSync(path).size / MIB);
  // What was just built is dirty page cache, which counts as the process's own.
  spawnSync("sync", [path]);

  // Deno's cache is one of its own: a program with other V8 flags replaces the compiled code in a
  // shared one. The next start then takes twice as much CPU time, and keeps 4 MiB more.
  const cache = temporary();
  const env = { DENO_DIR: cache.path };
  note("start to healthy", "ms", await startMs(target, flags, env));
  const asService = await startMs(target, flags, { ...env, ...SETTINGS });
  note("start to healthy, as a service", "ms", asService);

  const agent = await TestAgent.start(target, flags, env);
  try {
    await agent.health();
    await pass(4000); // past the first idle collection
    memory(note, "idle", agent.pid);
    const requests = await load(agent.port);
    note("requests in the load", "1/s", requests / (LOAD_MS / 1000));
    memory(note, "after load", agent.pid);
    await rounds(target, agent, note, report);
    await agent.settle();
    memory(note, "quiesced after load", agent.pid);
    await pass(LATE_MS);
    rest(note, "quiesced", await watchRest(agent.pid, REST_S));
    const idle = await Raw.open(agent.port);
    const beside = await watchRest(agent.pid, REST_S);
    idle.destroy();
    rest(note, "quiesced, an idle connection open", beside);
  } finally {
    await agent.stop();
    cache.remove();
  }
  const idle = await idleWakeups(target, COMMON_FLAGS);
  note("wakeups, idle, ports are forwarded", "1/s", idle);
}

function memory(note: Note, when: string, pid: number): void {
  note(`Rss, ${when}`, "MiB", memoryOf(pid, "Rss") / MIB);
  note(`Private_Dirty, ${when}`, "MiB", memoryOf(pid, "Private_Dirty") / MIB);
}

function rest(note: Note, when: string, found: Rest): void {
  note(`wakeups, ${when}`, "1/s", found.wakeups);
  note(`pages dirtied, ${when}`, "1/s", found.dirtied ?? "n/a");
  note(`pages touched, ${when}`, "1/s", found.touched);
}

/** Keep-alive connections that ask for health as fast as they are answered. */
async function load(port: number): Promise<number> {
  const end = performance.now() + LOAD_MS;
  let requests = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    while (performance.now() < end) {
      const response = await fetch(`http://127.0.0.1:${port}/snapshot`);
      await response.arrayBuffer();
      requests++;
    }
  }));
  return requests;
}

interface Timed {
  readonly name: string;
  readonly status: string;
  readonly ms: number;
}

async function rounds(
  target: Target,
  agent: TestAgent,
  note: Note,
  report: Report,
): Promise<void> {
  const replies: number[] = [];
  const settles: number[] = [];
  const recoveries: number[] = [];
  // deno-lint-ignore no-explicit-any -- the status document, read loosely
  let last: any;
  for (let i = 0; i < ROUNDS; i++) {
    const { port } = agent;
    replies.push((await request(port, "POST", "/snapshot/prepare")).ms);
    do {
      await pass(10);
      last = await agent.status();
    } while (!last.settled);
    settles.push(last.operation.settledMs - last.operation.quiescedMs);
    recoveries.push((await request(port, "GET", "/health")).ms);
  }
  const pairs = [
    ["prepare to reply", replies],
    ["reply to settled", settles],
    ["health that recovers", recoveries],
  ] as const;
  for (const [name, values] of pairs) {
    const { p50, p99 } = spread(values);
    note(`${name}, p50`, "ms", p50);
    note(`${name}, p99`, "ms", p99);
  }
  const after = await agent.status();
  timeline(
    report,
    `prepare-${target}`,
    "A prepare, step by step",
    last.operation?.steps,
  );
  timeline(
    report,
    `recovery-${target}`,
    "A recovery, step by step",
    after.lastRecovery?.steps,
  );
}

/** Steps run one after the other: each begins where the one before has ended. */
function timeline(
  report: Report,
  file: string,
  title: string,
  steps: readonly Timed[] = [],
): void {
  let from = 0;
  const bars = steps.map(({ name, ms, status }) => {
    const bar = { label: name, from, length: ms, marked: status !== "done" };
    from += ms;
    return bar;
  });
  report.chart(`${file}.svg`, `${title}, native`, "ms", bars);
}
