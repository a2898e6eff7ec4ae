/**
 * The lines of the page counter's tables, and how each of them is filled.
 * @module
 */
import type { Ask, Frozen } from "./page_forks.ts";
import { countFork, countMapped, listFork, typesOf } from "./page_forks.ts";
import { PAGE } from "./memory_files.ts";
import type { PageOptions, PageSubject } from "./page_subjects.ts";
import { countTypes, PAGE_TYPES, type PageType } from "./page_types.ts";
import { median } from "./stats.ts";
import { Table } from "./table.ts";

const MIB = 2 ** 20;
/** Milliseconds after the reply at which the pages of a fork are counted again. */
const LATER_MS = 2000;

/** What is counted of each snapshot, as the table names it, and its unit. */
const SNAPSHOT_COUNTS = [
  ["stored", "MiB"],
  ["changed by prepare", "pages"],
  ["zeroed by prepare", "pages"],
] as const;

/** What is counted of each fork, as the table names it. */
export const FORK_COUNTS = [
  ["touched to the reply", "touched after 2 s"],
  ["changed to the reply", "changed after 2 s"],
  ["mapped to the reply", "mapped after 2 s"],
] as const;

/** Gives each line its place. Not every subject has every line, so the first one must not give the order. */
export function reserveLines(
  table: Table,
  { generations, hosts }: PageOptions,
): void {
  for (let generation = 1; generation <= generations; generation++) {
    const name = `generation ${generation}`;
    for (const [line, unit] of SNAPSHOT_COUNTS) {
      table.reserve(`${name}: ${line}`, unit);
    }
    for (const host of hosts) {
      for (const line of FORK_COUNTS.flat()) {
        table.reserve(`${name}, ${host}: ${line}`, "pages");
      }
    }
  }
}

/** Fills the lines of a snapshot. */
export function countSnapshot(
  { stored, changed }: Frozen,
  { column, prepare }: PageSubject,
  table: Table,
  name: string,
): void {
  table.set(`${name}: stored`, "MiB", column, stored.length * PAGE / MIB);
  if (!prepare) return;
  table.set(`${name}: changed by prepare`, "", column, changed.length);
  const left = new Set(stored);
  const zeroed = changed.filter((page) => !left.has(page)).length;
  table.set(`${name}: zeroed by prepare`, "", column, zeroed);
}

/** Fills the lines of the forks with the medians; says each count. */
export async function countForks(
  { snapshot }: Frozen,
  ask: Ask,
  { restores }: PageOptions,
  set: (line: string, value: number) => void,
): Promise<void> {
  const counts: Record<string, number[]> = {};
  const note = (line: string, value: number) => {
    (counts[line] ??= []).push(value);
  };
  const [touched, changed, mapped] = FORK_COUNTS;
  for (let i = 0; i < restores; i++) {
    for (const [moment, ms] of [0, LATER_MS].entries()) {
      const fork = await countFork(snapshot, ask, ms);
      note(touched[moment], fork.touched);
      note(changed[moment], fork.changed);
    }
    const both = await countMapped(snapshot, ask, LATER_MS);
    for (const [moment, count] of both.entries()) note(mapped[moment], count);
  }
  for (const line of FORK_COUNTS.flat()) {
    console.error(`bench:   ${line}: ${counts[line].join(", ")}`);
    set(line, median(counts[line]));
  }
}

/** A table of what the pages are used for, with a column for each count. */
export async function listTypes(
  frozen: Frozen,
  ask: Ask,
  { prepare }: PageSubject,
): Promise<Table> {
  const table = new Table();
  const { snapshot, stored, changed } = frozen;
  const types = await typesOf(snapshot);
  const add = (
    column: string,
    pages: readonly number[],
    types: readonly PageType[],
  ) => {
    const counts = countTypes(pages, types);
    for (const type of PAGE_TYPES) {
      table.set(type, "pages", column, counts[type]);
    }
    table.set("all", "pages", column, pages.length);
  };
  add("stored", stored, types);
  if (prepare) add("changed by prepare", changed, types);
  const forks = [
    await listFork(snapshot, ask, 0),
    await listFork(snapshot, ask, LATER_MS),
  ];
  const [touchedLines, changedLines] = FORK_COUNTS;
  for (const [moment, { touched, types }] of forks.entries()) {
    if (touched) add(touchedLines[moment], touched, types);
    else {
      console.error(
        "bench: Cannot list touched pages: only root sees page frames, and this kernel may mark them in another way",
      );
    }
  }
  for (const [moment, { changed, types }] of forks.entries()) {
    add(changedLines[moment], changed, types);
  }
  return table;
}
