import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import type { Machine } from "./machine.ts";

/** What the units of the Debian guest must show before and after a restore. */

const SLICE = "/sys/fs/cgroup/work.slice";

/** The programs themselves: Debian's in /usr/bin are scripts that find them, and are slow here. */
const BIN = "/usr/lib/postgresql/15/bin";

/** The units that must be active. */
const UNITS = [
  ...["lull", "postgresql@15-main", "redis-server", "worker", "helper"],
  ...["systemd-journald", "systemd-networkd", "dbus"],
];

/** One line of the counting program. */
export interface Count {
  readonly count: number;
  /** The guest's wall clock, milliseconds since 1970. */
  readonly wall: number;
}

/** One line of the agent's log, as the journal has it. */
interface JournalLine {
  readonly message: string;
  /** When the agent logged it, by its own clock, in milliseconds since 1970. */
  readonly time: number;
  /** Microseconds since the guest's boot, when the journal got the line. */
  readonly monotonic: number;
}

/** All units are up, none has failed, and `systemctl status` calls the agent active. */
export async function assertUnitsUp(machine: Machine): Promise<void> {
  await until("the end of the start", async () => {
    const { stdout } = await machine.exec("systemctl is-system-running");
    if (/^(?:starting|initializing)/.test(stdout)) return false;
    assert.equal(stdout, "running\n", await failedUnits(machine));
    return true;
  }, LIMIT);
  const states = await machine.exec(`systemctl is-active ${UNITS.join(" ")}`);
  assert.equal(states.code, 0, states.stdout);
  assert.match(
    await machine.sh("systemctl status lull"),
    /Active: active \(running\)/,
  );
}

async function failedUnits(machine: Machine): Promise<string> {
  return (await machine.exec("systemctl --failed; journalctl -n 30")).stdout;
}

/** What the program in the slice has counted in Redis so far. */
export async function counts(machine: Machine): Promise<Count[]> {
  const { stdout } = await machine.exec("cat /var/lib/worker/counts");
  return stdout.split("\n").slice(0, -1).map((line) => {
    const [count, wall] = line.split(" ").map(Number);
    return { count, wall: wall * 1000 };
  });
}

/**
 * Each count follows the one before it, so Redis and the program lost nothing. No line has the
 * time between the freeze and the right time of the fork.
 */
export function assertNoGap(
  list: readonly Count[],
  frozenAt: number,
  right: number,
): void {
  list.forEach(({ count }, i) => assert.equal(count, list[0].count + i));
  const stale = list.filter(({ wall }) => wall > frozenAt + 1 && wall < right);
  assert.deepEqual(stale, []);
}

/** Whether the kernel says that the slice of the workload is frozen. */
export async function isSliceFrozen(machine: Machine): Promise<boolean> {
  return /^frozen 1$/m.test(await machine.sh(`cat ${SLICE}/cgroup.events`));
}

/** A command of the user postgres. */
function asPostgres(command: string): string {
  return `cd / && setpriv --reuid postgres --regid postgres --init-groups ${command}`;
}

async function query(machine: Machine, sql: string): Promise<string> {
  return await machine.sh(asPostgres(`${BIN}/psql -qtAX -c "${sql}" bench`));
}

/** Starts clients that change the image's database until the end of the machine. */
export async function startBench(machine: Machine): Promise<void> {
  await machine.sh(
    `systemd-run --quiet --unit=bench --uid=postgres ${BIN}/pgbench ` +
      "-n -c 2 -R 50 -T 100000 bench",
  );
  const before = await transactions(machine);
  await until(
    "transactions",
    async () => await transactions(machine) > before + 10,
    LIMIT,
  );
}

/** The transactions of the clients: each adds a line to the history. */
export async function transactions(machine: Machine): Promise<number> {
  return Number(await query(machine, "select count(*) from pgbench_history"));
}

/** Each transaction changed an account, a teller and a branch by what the history says. */
export async function assertConsistent(machine: Machine): Promise<void> {
  const sums = await query(
    machine,
    "select (select sum(abalance) from pgbench_accounts)," +
      " (select sum(tbalance) from pgbench_tellers)," +
      " (select sum(bbalance) from pgbench_branches)," +
      " (select sum(delta) from pgbench_history)",
  );
  assert.equal(new Set(sums.split("|")).size, 1, sums);
  assert.equal(await machine.sh("systemctl is-active bench"), "active");
}

/** The lines of the agent, in the order of the journal. */
async function journal(machine: Machine): Promise<JournalLine[]> {
  const text = await machine.sh(
    "journalctl -o json _SYSTEMD_UNIT=lull.service _COMM=lull",
  );
  return text.split("\n").map((line) => {
    const entry = JSON.parse(line);
    const { message, time } = JSON.parse(entry.MESSAGE);
    return {
      message,
      time: Date.parse(time),
      monotonic: Number(entry.__MONOTONIC_TIMESTAMP),
    };
  });
}

/** The agent's lines are in the order of their times, and tell of its start and its recovery. */
export async function assertJournal(machine: Machine): Promise<void> {
  const lines = await journal(machine);
  const milestones = ["listening", "recovered"];
  assert.deepEqual(
    lines.map(({ message }) => message)
      .filter((message) => milestones.includes(message)),
    milestones,
  );
  for (const clock of ["monotonic", "time"] as const) {
    const times = lines.map((line) => line[clock]);
    assert.deepEqual(times, times.toSorted((a, b) => a - b), clock);
  }
}
