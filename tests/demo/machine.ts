/**
 * The main job in a real virtual machine: boot, prepare, snapshot, fork twice,
 * check health.
 */
import { randomBytes } from "node:crypto";
import process from "node:process";
import { until } from "../support/until.ts";
import { accelerator } from "../vm/support/accel.ts";
import { bootUp } from "../vm/support/boot.ts";
import { buildImage } from "../vm/support/image.ts";
import {
  Machine,
  removeSnapshot,
  type Snapshot,
} from "../vm/support/machine.ts";
import { mebibytes, type ReportedStep, stepTable, table } from "./table.ts";

interface Recovery {
  readonly outcome: string;
  readonly trigger: string;
  readonly generation: number;
  readonly ms: number;
  readonly steps: ReportedStep[];
}

/** The guest's flags: one cgroup stands for a workload. */
const FLAGS = ["--workload-cgroup=workload"];
/** A workload that counts, in a cgroup of its own. */
const WORKLOAD = "mkdir -p /sys/fs/cgroup/workload; (echo 0 > " +
  "/sys/fs/cgroup/workload/cgroup.procs; exec sh -c " +
  "'i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.01; done') " +
  ">/dev/null 2>&1 &";

/** What a guest did before: freed memory keeps its bytes. */
const HISTORY = "yes lull | head -c 100000000 > /tmp/junk; rm /tmp/junk";

/** Runs the whole round in a machine and prints one page. */
export async function machineDemo(say: (line: string) => void): Promise<void> {
  const machines: Machine[] = [];
  const snapshots: Snapshot[] = [];
  const timings: string[][] = [];
  async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    say(`  ${what} ...`);
    const start = performance.now();
    const value = await work();
    timings.push([what, `${(performance.now() - start).toFixed(0)} ms`]);
    return value;
  }
  try {
    const image = buildImage({ variant: "bun" }, (line) => say(`  ${line}`));
    const accel = await accelerator((line) => say(`  ${line}`));
    say(`\nA machine of 2 CPUs and 512 MiB, under QEMU with ${accel}:\n`);
    const source = await timed(
      "boot, until the agent is healthy",
      () =>
        bootUp(
          { image, accel, flags: FLAGS },
          (machine) => machine.ready(),
          (line) => say(`  ${line}`),
        ),
    );
    machines.push(source);
    await source.sh(WORKLOAD);
    await until(
      "the workload to count",
      async () =>
        Number(await source.sh("cat /tmp/count 2>/dev/null || echo 0")) > 1,
    );
    await timed(
      "a program writes 100 MB and deletes them",
      () => source.sh(HISTORY),
    );
    const before = await timed("snapshot of the machine as it is", async () => {
      const snapshot = await source.snapshot();
      snapshots.push(snapshot);
      await source.cont();
      return snapshot;
    });
    const report = await timed(
      "POST /snapshot/prepare?wait=settled",
      () =>
        ask<{ steps: ReportedStep[] }>(
          source,
          "/snapshot/prepare?wait=settled",
          {},
        ),
    );
    const prepared = await timed(
      "snapshot of the prepared machine",
      () => source.snapshot(),
    );
    snapshots.push(prepared);
    const forks = await timed(
      "restore it twice",
      () => Promise.all([1, 2].map(() => Machine.restore(prepared))),
    );
    machines.push(...forks);
    const recoveries: Recovery[] = [];
    for (const [i, fork] of forks.entries()) {
      await fork.cont();
      const { recovery } = await timed(
        `fork ${i + 1}: POST /snapshot/recover, with time and entropy`,
        () =>
          ask<{ recovery: Recovery }>(fork, "/snapshot/recover", {
            hostTime: Date.now(),
            entropy: randomBytes(32).toString("base64"),
          }),
      );
      recoveries.push(recovery);
    }
    say(`\nTimings\n${table(["phase", "time"], timings)}`);
    say(`\nPrepare\n${stepTable(report.steps)}`);
    say(`\nRecovery of fork 1\n${stepTable(recoveries[0].steps)}\n`);
    say(table(
      ["fork", "outcome", "generation", "/dev/urandom", "the workload counts"],
      await Promise.all(forks.map(async (fork, i) => [
        `${i + 1}`,
        recoveries[i].outcome,
        `${recoveries[i].generation}`,
        await fork.sh("head -c 8 /dev/urandom | od -An -tx1 | tr -d ' '"),
        await countsOn(fork),
      ])),
    ));
    const saved = 100 * (1 - prepared.bytes / before.bytes);
    say(
      `\nSnapshot: ${mebibytes(before.bytes)} as it was, ` +
        `${mebibytes(prepared.bytes)} prepared: ${saved.toFixed(0)} % smaller.`,
    );
    if (process.env.KEEP) await keep(forks[0], say);
  } finally {
    await Promise.all(machines.map((machine) => machine.kill()));
    snapshots.forEach(removeSnapshot);
  }
}

/** Lets the fork run until a signal, so that a user can call it. */
async function keep(
  fork: Machine,
  say: (line: string) => void,
): Promise<void> {
  say(`\nFork 1 runs until Ctrl-C. Call it from a second terminal:`);
  for (const call of ["prepare", "status", "recover"]) {
    say(`  dist/lull ${call} --url ${fork.url}`);
  }
  // A promise alone does not keep the process running.
  const timer = setInterval(() => {}, 60_000);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
  });
  clearInterval(timer);
}

async function ask<T>(
  machine: Machine,
  path: string,
  body: unknown,
): Promise<T> {
  const response = await machine.fetch(path, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status === 200) return JSON.parse(text);
  throw new Error(`Cannot go on: ${path} answered ${response.status} ${text}`);
}

async function countsOn(machine: Machine): Promise<string> {
  const count = async () => Number(await machine.sh("cat /tmp/count"));
  const first = await count();
  await until("the workload to count on", async () => await count() > first);
  return "yes";
}
