/**
 * Tracks work of steps and undos that still runs after its signal was aborted.
 * @module
 */
import { within } from "../util/within.ts";

interface Entry {
  readonly name: string;
  /** Whether the work is an undo: no other operation may begin while it runs. */
  readonly undo: boolean;
  /** The time, by performance.now(), until which others wait for the work. */
  readonly until: number;
  readonly ended: Promise<unknown>;
}

/** Milliseconds that the next prepare waits for a step that did not stop. */
const STEP_MS = 1000;

/** The work that still runs. Errors of the work are ignored here. */
export class RunningWork {
  readonly #entries = new Set<Entry>();

  /** The names of the work that runs, separated by commas; undefined if there is none. */
  get names(): string | undefined {
    return wordsOf([...this.#entries]);
  }

  /** The names of the undos that run, separated by commas; undefined if there is none. */
  get undos(): string | undefined {
    return wordsOf([...this.#entries].filter(({ undo }) => undo));
  }

  /** Adds the work of a step that did not stop; others wait for it up to a limit. */
  addStep(name: string, ended: Promise<unknown>, limitMs = STEP_MS): void {
    this.#add({ name, undo: false, limitMs, ended });
  }

  /** Adds an undo, for which others wait up to its limit in milliseconds. */
  addUndo(name: string, limitMs: number, ended: Promise<unknown>): void {
    this.#add({ name, undo: true, limitMs, ended });
  }

  /** Adds the work of another operation that still runs. No prepare waits for it again. */
  inherit(other: RunningWork): void {
    for (const { name, ended } of other.#entries) this.addStep(name, ended, 0);
  }

  #add(
    { limitMs, ended, ...what }: Omit<Entry, "until"> & { limitMs: number },
  ): void {
    const entry: Entry = {
      ...what,
      until: performance.now() + limitMs,
      ended: ended.catch(() => {}).finally(() => this.#entries.delete(entry)),
    };
    this.#entries.add(entry);
  }

  /** Resolves when no work runs any more, or at the limits of that work. */
  async idle(): Promise<void> {
    while (this.#entries.size > 0) {
      const entries = [...this.#entries];
      const until = Math.max(...entries.map(({ until }) => until));
      const left = until - performance.now();
      if (left <= 0) return;
      const all = Promise.allSettled(entries.map(({ ended }) => ended));
      await within(all, { limitMs: left });
    }
  }
}

function wordsOf(entries: readonly Entry[]): string | undefined {
  if (entries.length === 0) return undefined;
  return entries.map(({ name }) => name).join(", ");
}
