/**
 * Undoes, at the start of an agent, the changes that a killed agent has left in the journal.
 * @module
 */
import { renameSync } from "node:fs";
import {
  type Change,
  entriesOf,
  type Entry,
  readEntry,
  type Recorded,
  recordedAt,
} from "./journal_entries.ts";
import type { Repaired } from "./reports.ts";
import { CorruptChange, NotUndone } from "./not_undone.ts";
import { messageOf, since } from "../util/errors.ts";

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
