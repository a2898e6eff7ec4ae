/**
 * Counts the pages that a prepare and a fork cost, in machines whose memory is a
 * file.
 * @module
 */
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  Machine,
  removeSnapshot,
  type Snapshot,
} from "../vm/support/machine.ts";
import { copySparse, ownDir } from "../vm/support/qemu.ts";
import { framesOf, mappingOf, referencedPages } from "./mapping.ts";
import { changedPages, storedPages } from "./memory_files.ts";
import { type PageType, pageTypes } from "./page_types.ts";
import { clearReferenced } from "./process.ts";
import { pass } from "./stats.ts";

/** What the host does with a fork until it has its reply. */
export type Ask = (machine: Machine) => Promise<unknown>;

/** A snapshot, and what it cost. */
export interface Frozen {
  readonly snapshot: Snapshot;
  /** The pages that are not zeros. */
  readonly stored: readonly number[];
  /** The pages that differ from those before the prepare. */
  readonly changed: readonly number[];
}

/**
 * Has a running guest prepare, and freezes it at once. The guest stands still
 * while its memory is copied before the prepare.
 */
export async function freeze(
  machine: Machine,
  prepare: () => Promise<void>,
): Promise<Frozen> {
  const before = join(ownDir("before"), "memory");
  try {
    await machine.stop();
    copySparse(machine.memoryFile, before);
    await machine.cont();
    await prepare();
    const snapshot = await machine.snapshot();
    const memory = memoryOf(snapshot);
    return {
      snapshot,
      stored: storedPages(memory),
      changed: changedPages(before, memory),
    };
  } finally {
    rmSync(dirname(before), { recursive: true });
  }
}

/** How many pages a fork has touched and changed at one moment. */
export interface ForkCounts {
  readonly touched: number;
  readonly changed: number;
}

/** The pages themselves, and what each page of the guest was used for then. */
export interface ForkPages {
  /** Undefined where this host's kernel does not tell. */
  readonly touched: readonly number[] | undefined;
  readonly changed: readonly number[];
  readonly types: readonly PageType[];
}

/**
 * Counts the pages of one fork, so many milliseconds after the reply, and ends it.
 * A later count needs another fork: this one stood still while it was counted.
 */
export async function countFork(
  snapshot: Snapshot,
  ask: Ask,
  ms: number,
): Promise<ForkCounts> {
  await using fork = await runFork(snapshot, ask, ms);
  await fork.stop();
  const { touched } = mappingOf(pidOf(fork), fork.memoryFile);
  const changed = changedPages(memoryOf(snapshot), fork.memoryFile).length;
  return { touched, changed };
}

/** As `countFork`, with the pages themselves. */
export async function listFork(
  snapshot: Snapshot,
  ask: Ask,
  ms: number,
): Promise<ForkPages> {
  await using fork = await runFork(snapshot, ask, ms);
  await fork.stop();
  const mapping = mappingOf(pidOf(fork), fork.memoryFile);
  const frames = framesOf(pidOf(fork), mapping);
  const last = await fork.snapshot("last");
  try {
    await fork.kill();
    // To read the file marks its pages: this must come first.
    const touched = referencedPages(frames);
    return {
      touched: agree(touched.length, mapping.touched) ? touched : undefined,
      changed: changedPages(memoryOf(snapshot), memoryOf(last)),
      types: await typesOf(last),
    };
  } finally {
    removeSnapshot(last);
  }
}

/** How far the list of touched pages may be from their sum in smaps. */
const MOST_MISSING = 0.05;

function agree(listed: number, sum: number): boolean {
  return Math.abs(listed - sum) <= MOST_MISSING * sum;
}

/**
 * Counts the pages that this host's kernel maps if the file is mapped lazily: up
 * to 15 pages beside each page that is read. Gives the counts at the reply, and so
 * many milliseconds after it.
 */
export async function countMapped(
  snapshot: Snapshot,
  ask: Ask,
  ms: number,
): Promise<[number, number]> {
  const hardware = { ...snapshot.hardware, memoryFile: "lazy" } as const;
  await using fork = await runFork({ ...snapshot, hardware }, ask, 0);
  const count = () => mappingOf(pidOf(fork), fork.memoryFile).mapped;
  const atReply = count();
  await pass(ms);
  return [atReply, count()];
}

async function runFork(
  snapshot: Snapshot,
  ask: Ask,
  ms: number,
): Promise<Machine> {
  const fork = await Machine.restore(snapshot);
  try {
    clearReferenced(pidOf(fork));
    await fork.cont();
    await ask(fork);
    if (ms > 0) await pass(ms);
    return fork;
  } catch (error) {
    await fork.kill();
    throw error;
  }
}

/** What the pages of a snapshot are used for: a machine that goes on from it is asked. */
export async function typesOf(snapshot: Snapshot): Promise<PageType[]> {
  await using machine = await Machine.restore(snapshot, "same");
  await machine.cont();
  return await pageTypes(machine);
}

function memoryOf({ memory }: Snapshot): string {
  if (memory === undefined) {
    throw new Error("Cannot count pages: the guest's memory is not a file");
  }
  return memory;
}

function pidOf({ pid }: Machine): number {
  if (pid === undefined) {
    throw new Error("Cannot count pages: QEMU has not started");
  }
  return pid;
}
