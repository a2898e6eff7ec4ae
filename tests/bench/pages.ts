/**
 * The pages that a snapshot, a restore and a fork cost the host: they do not
 * depend on how fast the machine is.
 *
 * The touched pages are counted twice. The first count is exact. The second one
 * is what a host pays that maps the memory lazily: its kernel maps up to 15 pages
 * beside each page that is read.
 * @module
 */
import { accelerator } from "../vm/support/accel.ts";
import { bootUp } from "../vm/support/boot.ts";
import { ensureDeps } from "../vm/support/deps.ts";
import { GUESTS } from "../vm/support/guests.ts";
import { buildImage } from "../vm/support/image.ts";
import { Machine, removeSnapshot } from "../vm/support/machine.ts";
import { freeze, type Frozen } from "./page_forks.ts";
import {
  countForks,
  countSnapshot,
  FORK_COUNTS,
  listTypes,
  reserveLines,
} from "./page_lines.ts";
import type { PageOptions, PageSubject } from "./page_subjects.ts";
import type { Report } from "./report.ts";
import { pass } from "./stats.ts";
import { Table } from "./table.ts";

const PART = "pages";
const NO_AGENT = "no agent";

/** Runs it all. */
export async function pages(
  report: Report,
  options: PageOptions,
): Promise<void> {
  ensureDeps(() => {});
  const table = new Table();
  reserveLines(table, options);
  const types: [string, Table][] = [];
  for (const subject of options.subjects) {
    const byType = await measure(subject, options, table);
    if (byType) types.push([subject.column, byType]);
  }
  table.into(report, PART);
  for (const [column, byType] of types) {
    byType.into(report, `${PART} by type, ${column}`);
  }
  chart(report, table, options);
}

/** Measures each generation of a subject; gives the types of the first fork's pages. */
async function measure(
  subject: PageSubject,
  options: PageOptions,
  table: Table,
): Promise<Table | undefined> {
  let byType: Table | undefined;
  let frozen = await first(subject, options);
  try {
    for (let generation = 1;; generation++) {
      const name = `generation ${generation}`;
      countSnapshot(frozen, subject, table, name);
      for (const host of options.hosts) {
        const ask = subject.hosts[host];
        if (!ask) continue;
        console.error(`bench: pages of ${subject.column}, ${name}, ${host}`);
        const set = (line: string, value: number) =>
          table.set(`${name}, ${host}: ${line}`, "", subject.column, value);
        await countForks(frozen, ask, options, set);
        // The guest's page numbers are places in the file only if its memory starts at 0.
        const { arch } = GUESTS[subject.image.guest ?? "glibc"];
        if (arch === "x64") byType ??= await listTypes(frozen, ask, subject);
      }
      if (generation === options.generations) return byType;
      const old = frozen.snapshot;
      frozen = await next(frozen, subject, options);
      removeSnapshot(old);
    }
  } finally {
    removeSnapshot(frozen.snapshot);
  }
}

/** The snapshot of a guest that has booted and rested. */
async function first(
  subject: PageSubject,
  { flags, restMs }: PageOptions,
): Promise<Frozen> {
  const image = buildImage(subject.image, () => {});
  const accel = await accelerator(console.log, subject.image.guest);
  await using machine = await bootUp(
    { image, accel, flags, memoryFile: "whole", steady: true },
    subject.up,
  );
  await pass(restMs);
  return await freeze(machine, async () => await subject.prepare?.(machine));
}

/** The snapshot of a fork that has recovered and rested. */
async function next(
  { snapshot }: Frozen,
  subject: PageSubject,
  { restMs }: PageOptions,
): Promise<Frozen> {
  await using machine = await Machine.restore(snapshot);
  await machine.cont();
  await subject.hosts.health(machine);
  await pass(restMs);
  return await freeze(machine, async () => await subject.prepare?.(machine));
}

/** The counts of the first generation, the subjects beside each other. */
function chart(
  report: Report,
  table: Table,
  { subjects, hosts }: PageOptions,
): void {
  const lines = FORK_COUNTS.flat().map((line) => [
    line,
    `generation 1, ${hosts[0]}: ${line}`,
  ]);
  lines.push(["changed by prepare", "generation 1: changed by prepare"]);
  const bars = lines.flatMap(([line, name]) =>
    subjects.flatMap(({ column }) => {
      const length = table.number(name, column);
      if (Number.isNaN(length)) return [];
      const label = `${column}: ${line}`;
      return [{ label, length, marked: column === NO_AGENT }];
    })
  );
  report.chart(
    "pages.svg",
    "What a 512 MiB guest costs its host",
    "pages",
    bars,
  );
}
