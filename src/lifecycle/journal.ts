/**
 * The journal. The agent records each change of something outside itself before it
 * makes the change. If the agent is killed, the next agent undoes the recorded
 * changes before it listens, so that nothing stays frozen.
 *
 * Each change is a file, which is written under another name and then renamed: a
 * kill at any moment leaves either the old content or the new one. The files are not
 * synced to a disk: the changes (a frozen cgroup, a frozen mount) are in the kernel's
 * memory, and the page cache exists as long as they do.
 * @module
 */
import {
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from "node:fs";
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
import type { Repaired } from "./reports.ts";
import { CorruptChange, NotUndone } from "./not_undone.ts";
import { messageOf, since } from "../util/errors.ts";

export type { Change, Recorded } from "./journal_entries.ts";

/** The journal as steps use it. */
export interface Recorder {
  /**
   * Records a change. The change may be made when this returns. `kind` is the name of the repairer
   * in src/agent/repairers.ts, in lower-case letters and dashes: the next agent undoes a change by it.
   */
  record(kind: string, change: Change): Recorded;
}

/** What a journal tells its agent. */
interface JournalOptions {
  /**
   * Called when another program has removed or replaced the directory, before it is made again. An
   * error says why no change may be recorded there.
   */
  readonly onLost?: () => void;
  /** Gets the error of an entry that could not be removed although its change is undone. */
  readonly onError?: (error: unknown) => void;
}

/**
 * A journal in a directory that only its owner may read. The first change creates the
 * directory: an agent that changes nothing needs none. Existing entries are kept.
 */
export class Journal implements Recorder {
  readonly #directory: string;
  readonly #options: JournalOptions;
  #next: number | undefined;
  /** The inode of the directory. */
  #inode: number | undefined;
  /** Entries of changes that are undone, which could not be removed yet. */
  readonly #obsolete = new Set<Recorded>();

  constructor(directory: string, options: JournalOptions = {}) {
    this.#directory = directory;
    this.#options = options;
  }

  record(kind: string, change: Change): Recorded {
    for (const entry of this.#obsolete) this.#erase(entry);
    if (this.#next !== undefined && inodeOf(this.#directory) !== this.#inode) {
      this.#options.onLost?.();
      // Not from 1 again: an older change is still erased by its position.
      this.#next = Math.max(this.#open(), this.#next);
    }
    const at = this.#next ?? this.#open();
    this.#next = at + 1;
    const entry = recordedAt(entryAt(this.#directory, at, kind));
    entry.update(change);
    return {
      update: (change) => entry.update(change),
      erase: () => this.#erase(entry),
    };
  }

  /**
   * Never throws, because the change is undone: the undo has not failed. The next agent would undo
   * the change of an entry that stays a second time, so the next record tries again to remove it.
   */
  #erase(entry: Recorded): void {
    try {
      entry.erase();
      this.#obsolete.delete(entry);
    } catch (error) {
      this.#obsolete.add(entry);
      this.#options.onError?.(error);
    }
  }

  /** Opens the directory; returns the position of the first entry. */
  #open(): number {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#directory)) {
      // The file was not renamed, therefore its change was never made.
      if (name.endsWith(".json.new")) unlinkSync(join(this.#directory, name));
    }
    this.#inode = inodeOf(this.#directory);
    const positions = entriesOf(this.#directory).map(({ at }) => at);
    return 1 + Math.max(0, ...positions);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** An entry that a killed agent left, for its repairer. */
export interface LeftEntry extends Recorded {
  /** Updates fields of this entry's report; may be called after the repair, too. */
  tell(news: Partial<Omit<Repaired, "kind" | "ms">>): void;
}

/**
 * Undoes changes of one kind. If it returns, the change is undone. If it throws, the
 * error is reported and the entry stays. It throws {@linkcode NotUndone} if a part of
 * the change is left, and {@linkcode CorruptChange} if the entry has wrong content. It
 * may undo the rest of the change, and update the entry, after it has thrown.
 */
export type Repairer = (
  change: Change,
  entry: LeftEntry,
) => Promise<Change> | Change;

/**
 * Undoes all recorded changes, the last change first. Never rejects, so that the
 * agent always starts. A change that could not be undone stays recorded, and the next
 * start tries again. An entry that cannot be read is renamed to `*.corrupt`. A
 * report is updated if its repairer undoes the rest of the change after the repair.
 */
export async function repairAfterCrash(
  directory: string,
  repairers: Readonly<Record<string, Repairer>>,
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
  repairers: Readonly<Record<string, Repairer>>,
): Promise<Repaired> {
  const start = performance.now();
  const report: Report = { kind: entry.kind, status: "repaired", ms: 0 };
  try {
    const repairer = Object.hasOwn(repairers, entry.kind)
      ? repairers[entry.kind]
      : undefined;
    if (repairer === undefined) {
      throw new CorruptChange(
        `there is no repairer for changes of kind ${entry.kind}`,
      );
    }
    const change = readEntry(entry);
    if (change === undefined) {
      throw new CorruptChange("it is not a JSON object");
    }
    const left = leftEntry(entry, report);
    report.effect = await repairer(change, left);
    try {
      left.erase();
    } catch (error) {
      // The change is undone; the next start undoes it again.
      report.reason = `Cannot remove ${entry.path}: ${messageOf(error)}`;
    }
  } catch (error) {
    reportError(report, entry, error);
  }
  report.ms = since(start);
  return report;
}

/** Adds an error to the report, and records the part of the change that is left. */
function reportError(report: Report, entry: Entry, error: unknown): void {
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
    // The entry stays unchanged, and contains more than is left to undo.
    report.reason += `; ${messageOf(error)}`;
  }
}

function leftEntry(entry: Entry, report: Report): LeftEntry {
  return {
    ...recordedAt(entry),
    tell: (news) => void Object.assign(report, news),
  };
}
