/**
 * The entries of the journal that say which hooks are owed a thaw.
 * @module
 */
import type { Recorded } from "../lifecycle/journal.ts";
import type { Log } from "../log/mod.ts";
import { messageOf } from "../util/errors.ts";
import { type HookEvent, nameIn } from "./hook.ts";

/** The owed thaws of one operation, which are one entry of the journal. */
export interface OwedEntry {
  /** The event that the thaw calls pass to the hooks. */
  readonly event: HookEvent;
  /** The keys of the hooks that are owed the thaw. */
  readonly hooks: Set<string>;
  readonly recorded: Recorded;
}

/** The entries. They are changed in memory, and {@linkcode OwedEntries.write} writes the changes. */
export class OwedEntries {
  readonly #log: Pick<Log, "error">;
  /** The entries, newest last. Each hook is in at most one entry. */
  readonly #entries: OwedEntry[] = [];
  /** The entries that changed since they were written to the journal. */
  readonly #changed = new Set<OwedEntry>();

  constructor(log: Pick<Log, "error">) {
    this.#log = log;
  }

  /** Paths of the scripts and names of the programs that are owed a thaw. */
  get names(): string[] {
    return this.#entries.flatMap(({ hooks }) => [...hooks].map(nameIn));
  }

  /** Adds an entry that the journal has already. */
  adopt(entry: OwedEntry): void {
    this.#entries.push(entry);
  }

  /** Adds an entry to be written; one without hooks is erased from the journal. */
  add(entry: OwedEntry): void {
    if (entry.hooks.size > 0) this.#entries.push(entry);
    this.#changed.add(entry);
  }

  /** The entry of the hook with this key; undefined if the hook is owed nothing. */
  of(key: string): OwedEntry | undefined {
    return this.#entries.findLast(({ hooks }) => hooks.has(key));
  }

  /** Removes the hook from its entry; false if it is in none. */
  remove(key: string): boolean {
    const entry = this.of(key);
    if (entry === undefined) return false;
    entry.hooks.delete(key);
    if (entry.hooks.size === 0) {
      this.#entries.splice(this.#entries.indexOf(entry), 1);
    }
    this.#changed.add(entry);
    return true;
  }

  /**
   * Writes the changed entries. If this fails, the journal contains thaws that are
   * not owed any more, and the next agent calls them a second time.
   */
  write(): void {
    for (const { event, hooks, recorded } of this.#changed) {
      try {
        if (hooks.size === 0) recorded.erase();
        else recorded.update(changeOf(event, hooks));
      } catch (error) {
        const fields = { error: messageOf(error) };
        this.#log.error("Cannot write the journal", fields);
      }
    }
    this.#changed.clear();
  }
}

/** The change that the journal records for started hooks and for owed thaws. */
export function changeOf(
  { operation, generation, kind, outcome }: Omit<HookEvent, "phase">,
  hooks: Iterable<string>,
): Record<string, unknown> {
  return { operation, generation, kind, outcome, started: [...hooks] };
}
