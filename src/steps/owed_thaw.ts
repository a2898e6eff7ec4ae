/**
 * Thaws that an undo could not do, for example because no descriptor was free. They are tried again:
 * otherwise the workload stays frozen as long as this agent runs, and the next prepare takes it for
 * frozen by the guest itself.
 * @module
 */
import type { Recorded } from "../lifecycle/journal.ts";
import { NotUndone } from "../lifecycle/not_undone.ts";
import { thaw } from "./frozen_workload.ts";

/** Milliseconds between two attempts. */
const RETRY_MS = 1000;

/** The thaw of one operation. */
interface Owed {
  paths: readonly string[];
  readonly recorded: Recorded;
}

/** The thaws that are owed, each of which stays in the journal until it is done. */
export class OwedThaw {
  readonly #limitMs: number;
  readonly #owed = new Set<Owed>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt: Promise<void> | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Adds a thaw that failed with this error. Never throws. */
  add(paths: readonly string[], recorded: Recorded, error: unknown): void {
    const owed: Owed = { paths, recorded };
    this.#owed.add(owed);
    this.#left(owed, error);
    this.#retry();
  }

  /**
   * Tries all thaws once more, before a prepare. From then on no timer wakes the guest. Rejects if a
   * cgroup is still frozen: it must not count as frozen by the guest.
   */
  async settle(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#attempt;
    clearTimeout(this.#timer);
    if (this.#owed.size === 0) return;
    try {
      await this.#thawAll();
    } finally {
      if (this.#owed.size > 0) this.#retry();
    }
  }

  #retry(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#attempt = this.#thawAll().catch(() => this.#retry())
        .finally(() => this.#attempt = undefined);
    }, RETRY_MS);
  }

  async #thawAll(): Promise<void> {
    for (const owed of this.#owed) {
      try {
        await thaw(owed.paths, this.#limitMs);
      } catch (error) {
        this.#left(owed, error);
        throw error;
      }
      this.#owed.delete(owed);
      owed.recorded.erase();
    }
  }

  /** Records only what is left: a cgroup that was thawed may be frozen by the guest itself later. */
  #left(owed: Owed, error: unknown): void {
    if (!(error instanceof NotUndone)) return;
    owed.paths = error.left.cgroups as readonly string[];
    try {
      owed.recorded.update(error.left);
    } catch {
      // The entry names more than is left; the next agent thaws all of it.
    }
  }
}
