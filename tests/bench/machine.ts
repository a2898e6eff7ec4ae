/**
 * The bytes of a machine's snapshot: without an agent, with the agent not
 * asked, and with it prepared; and what the restore costs.
 * @module
 */
import { accelerator } from "../vm/support/accel.ts";
import { ensureDeps } from "../vm/support/deps.ts";
import {
  type Machine,
  removeSnapshot,
  type Snapshot,
} from "../vm/support/machine.ts";
import { HELPER_PORT } from "../vm/support/hardware.ts";
import { baseOf, bytesOf, copyOf, medianBytes } from "./copies.ts";
import {
  healthy,
  live,
  LULL,
  prepareGuest,
  reconfigure,
  settleGuest,
  SHELL_PREPARE,
} from "./guest_history.ts";
import { countChanged, readPages } from "./migration.ts";
import type { Report } from "./report.ts";
import { request } from "./request.ts";
import { restoreCosts } from "./restore.ts";
import { pass } from "./stats.ts";
import type { Config, Subject } from "./subjects.ts";
import { Table } from "./table.ts";

const PART = "machine";
const NO_AGENT = "no agent";
const REST_MS = 1000;
/** Runs it all. */
export async function machine(
  report: Report,
  subjects: readonly Subject[],
): Promise<void> {
  ensureDeps(() => {});
  const table = new Table();
  table.set("accelerator", "", NO_AGENT, await accelerator());
  await withoutAgent(table);
  for (const subject of subjects) await measure(subject, table);
  table.into(report, PART);
  chart(report, table, subjects[0].column);
}

const ASKED = "snapshot: prepared, all steps";
const UNASKED = "snapshot: not prepared";
const FRESH = "snapshot: prepared, in a guest without the history";

async function withoutAgent(table: Table): Promise<void> {
  const base = await baseOf({ variant: "none" }, (m) => m.helperReady());
  try {
    await using plain = await copyOf(base);
    await live(plain);
    table.set(UNASKED, "MiB", NO_AGENT, await bytesOf(plain));
    const prepared = async (history: boolean) => {
      const machine = await copyOf(base);
      if (history) await live(machine);
      await machine.sh(SHELL_PREPARE);
      return machine;
    };
    await rested(() => prepared(true), table, NO_AGENT);
    await fresh(() => prepared(false), table, NO_AGENT);
  } finally {
    removeSnapshot(base);
  }
}

async function measure(subject: Subject, table: Table): Promise<void> {
  const { column, contract, image } = subject;
  const base = await baseOf(image, (m) => healthy(m, contract.health));
  // Each run starts the agent again, or only some would have one more start.
  async function start(config: Config): Promise<Machine> {
    const machine = await copyOf(base);
    if (contract === LULL) await reconfigure(machine, config, contract);
    await live(machine);
    return machine;
  }
  async function prepare(config: Config): Promise<Machine> {
    const machine = await start(config);
    await settleGuest(machine, contract);
    return machine;
  }
  try {
    {
      await using unasked = await start({});
      table.set(UNASKED, "MiB", column, await bytesOf(unasked));
    }
    for (const [name, config] of subject.steps) {
      await using one = await prepare(config);
      table.set(`snapshot: ${name}`, "MiB", column, await bytesOf(one));
    }
    const newborn = async () => {
      const machine = await copyOf(base);
      if (contract === LULL) await reconfigure(machine, {}, contract);
      // The second prepare: the first has what the start left, for once.
      await prepareGuest(machine, contract);
      await healthy(machine, contract.health);
      await settleGuest(machine, contract);
      return machine;
    };
    await fresh(newborn, table, column);
    await rested(() => prepare({}), table, column);
    compare(table, column);
    let snapshot: Snapshot;
    {
      await using all = await start({});
      await all.sh("echo page >/srv/helper/page");
      const helper = await all.forward(HELPER_PORT);
      await settleGuest(all, contract);
      // A host freezes at once. What a prepare takes from httpd it has back before:
      // it is what the agent is compared with, not what it has made of it.
      await request(helper, "GET", "/page");
      snapshot = await all.snapshot();
    }
    try {
      await restoreCosts(
        snapshot,
        contract.health,
        (name, unit, value) => table.set(name, unit, column, value),
      );
    } finally {
      removeSnapshot(snapshot);
    }
  } finally {
    removeSnapshot(base);
  }
}

/** The bytes of prepared machines that have a history, and how they rest. */
async function rested(
  make: () => Promise<Machine>,
  table: Table,
  column: string,
): Promise<void> {
  const { bytes, measured } = await medianBytes(make, changedAtRest);
  table.set(ASKED, "MiB", column, bytes);
  table.set(
    "pages changed in 1 s at rest, whole guest",
    "",
    column,
    measured,
  );
}

/** The bytes of those that have none. */
async function fresh(
  make: () => Promise<Machine>,
  table: Table,
  column: string,
): Promise<void> {
  table.set(FRESH, "MiB", column, (await medianBytes(make)).bytes);
}

/** How many pages of a machine change within a second. */
async function changedAtRest(machine: Machine): Promise<number> {
  const first = await machine.snapshot();
  await machine.cont();
  await pass(REST_MS);
  const second = await machine.snapshot();
  const changed = countChanged(readPages(first.file), readPages(second.file));
  removeSnapshot(first);
  removeSnapshot(second);
  return changed;
}

function compare(table: Table, column: string): void {
  const asked = table.number(ASKED, column);
  const smaller = 100 * (1 - asked / table.number(UNASKED, NO_AGENT));
  table.set("smaller than without an agent by", "%", column, smaller);
  const share = (name: string) =>
    table.number(name, column) - table.number(name, NO_AGENT);
  const name = "the agent's own share (against a shell)";
  table.set(name, "MiB", column, share(ASKED));
  table.set(`${name}, without the history`, "MiB", column, share(FRESH));
}

function chart(report: Report, table: Table, column: string): void {
  const bars = table.rows("snapshot: ").flatMap(([name, values]) =>
    [NO_AGENT, column].flatMap((of) => {
      const length = values[of];
      if (typeof length !== "number") return [];
      const step = name.replace("snapshot: ", "");
      const marked = of === NO_AGENT;
      return [{
        label: marked ? `${NO_AGENT}: ${step}` : step,
        length,
        marked,
      }];
    })
  );
  const title = `Snapshot of a 512 MiB guest, ${column}`;
  report.chart("snapshot.svg", title, "MiB", bars);
}
