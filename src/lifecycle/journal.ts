/**
 * What the agent has changed outside itself, written down before it changes it,
 * so that an agent that was killed leaves nothing frozen: the next one undoes
 * it before it listens.
 *
 * Each change is a file of its own, written beside its place and renamed: a kill
 * at any moment leaves the old text or the new one. Nothing is synced to a disk:
 * what it tells of (a frozen cgroup, a frozen mount) lives in the kernel's memory
 * and so does a file that was written, until the machine itself ends.
 * @module
 */
import { mkdirSync, readdirSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import {
  type Change,
  entriesOf,
  type Entry,
  entryAt,
  readEntry,
  type Recorded,
  recordedAt,
} from "./journal_entries.ts";
import { CorruptChange, NotUndone } from "./not_undone.ts";
import { messageOf, since } from "../util/errors.ts";

export type { Change, Recorded } from "./journal_entries.ts";

/** The journal as steps use it. */
export interface Recorder {
  /** Writes a change down; it may be made once this returns. */
  record(kind: string, change: Change): Recorded;
}

/** A journal in a directory, which only its owner may read. */
export class Journal implements Recorder {
  readonly #directory: string;
  #next: number;

  /** Makes the directory; entries that are there already stay. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      // Never renamed, so what it tells of was never done.
      if (name.endsWith(".json.new")) unlinkSync(join(directory, name));
    }
    this.#directory = directory;
    this.#next = 1 + Math.max(0, ...entriesOf(directory).map(({ at }) => at));
  }

  record(kind: string, change: Change): Recorded {
    const recorded = recordedAt(entryAt(this.#directory, this.#next++, kind));
    recorded.update(change);
    return recorded;
  }
}

/** What became of one entry that a killed agent left. */
export interface Repaired {
  readonly kind: string;
  /**
   * `owed`: hooks have not had their thaw yet. `failed`: the change, or a part
   * of it, is not undone. Both stay recorded. `corrupt`: the entry could not be
   * read, and was set aside.
   */
  readonly status: "repaired" | "owed" | "failed" | "corrupt";
  readonly ms: number;
  /** What was done, in the words of its repairer. */
  readonly effect?: Change;
  /** Names of the hooks that are owed their thaw. */
  readonly owed?: readonly string[];
  readonly reason?: string;
}

/** An entry that a killed agent left, as its repairer has it. */
export interface LeftEntry extends Recorded {
  /** Replaces a part of this entry's report, also after the repair. */
  tell(news: Partial<Omit<Repaired, "kind" | "ms">>): void;
}

/**
 * Undoes changes of one kind. A change is undone if this returns; what it
 * throws is reported and the entry stays: {@linkcode NotUndone} if a part is
 * left, {@linkcode CorruptChange} if the entry makes no sense.
 */
export type Repairer = (change: Change) => Promise<Change> | Change;

/** The same for one that may undo the rest of a change later. */
export type EntryRepairer = (
  change: Change,
  entry: LeftEntry,
) => Promise<Change> | Change;

/**
 * Undoes whatever is written down, last change first, and never throws: nothing
 * here may keep an agent from its start. What could not be undone stays written
 * down, for the next start to try again; what cannot be read is renamed to
 * `*.corrupt`. The reports are live: if a repairer undoes the rest of a change
 * later, the report says so from then on.
 */
export async function repairAfterCrash(
  directory: string,
  repairers: Readonly<Record<string, EntryRepairer>>,
): Promise<Repaired[]> {
  const reports: Repaired[] = [];
  let entries: Entry[];
  try {
    entries = entriesOf(directory);
  } catch (error) {
    const reason = messageOf(error);
    return [{ kind: "journal", status: "failed", ms: 0, reason }];
  }
  for (const entry of entries.reverse()) {
    reports.push(await repair(entry, repairers));
  }
  return reports;
}

type Report = { -readonly [K in keyof Repaired]: Repaired[K] };

async function repair(
  entry: Entry,
  repairers: Readonly<Record<string, EntryRepairer>>,
): Promise<Repaired> {
  const start = performance.now();
  const report: Report = { kind: entry.kind, status: "repaired", ms: 0 };
  try {
    const repairer = Object.hasOwn(repairers, entry.kind)
      ? repairers[entry.kind]
      : undefined;
    if (repairer === undefined) {
      throw new CorruptChange(`changes of kind ${entry.kind} are not known`);
    }
    const change = readEntry(entry);
    if (change === undefined) {
      throw new CorruptChange("it is not a JSON object");
    }
    const left = leftEntry(entry, report);
    report.effect = await repairer(change, left);
    left.erase();
  } catch (error) {
    note(report, entry, error);
  }
  report.ms = since(start);
  return report;
}

/** Says in the report what went wrong; keeps recorded what is left. */
function note(report: Report, entry: Entry, error: unknown): void {
  report.status = "failed";
  report.reason = messageOf(error);
  try {
    if (error instanceof CorruptChange) {
      report.reason = `Cannot read ${entry.path}: ${error.message}`;
      renameSync(entry.path, `${entry.path}.corrupt`);
      report.status = "corrupt";
    } else if (error instanceof NotUndone) {
      const { effect, owed, left } = error;
      if (owed !== undefined) report.status = "owed";
      Object.assign(report, { effect, owed });
      recordedAt(entry).update(left);
    }
  } catch (error) {
    // The entry stays as it was, with more in it than is left to do.
    report.reason += `; ${messageOf(error)}`;
  }
}

function leftEntry(entry: Entry, report: Report): LeftEntry {
  return {
    ...recordedAt(entry),
    tell: (news) => void Object.assign(report, news),
  };
}
