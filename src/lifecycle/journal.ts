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
import { mkdirSync, readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import {
  type Change,
  entriesOf,
  entryAt,
  type Recorded,
  recordedAt,
} from "./journal_entries.ts";

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
