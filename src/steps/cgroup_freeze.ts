/**
 * The freeze of a set of cgroups, which may grow until the freeze is done.
 * @module
 */
import type { Effect } from "../lifecycle/step.ts";
import { freezerState, requestFreezer } from "../linux/cgroup.ts";
import type { Audit } from "../linux/cgroup_tree.ts";
import { messageOf } from "../util/errors.ts";
import { waitFor } from "../util/wait.ts";

/** The cgroups that a freeze concerns. */
export interface Selection {
  /** The cgroups to freeze. */
  readonly ours: readonly string[];
  /** Cgroups that the guest froze itself. */
  readonly alreadyFrozen: readonly string[];
  /** Names of cgroups that do not exist. */
  readonly gone: readonly string[];
  /** Facts of the selection, for the effect. */
  readonly facts?: Effect;
  /** Finds cgroups to freeze that are new since the selection. */
  readonly added?: () => readonly string[];
  /** Looks at all cgroups, before the thaw. */
  readonly audit?: () => Audit;
}

/** How to freeze. */
export interface CgroupFreezeOptions {
  /** Cgroups that the guest froze itself: they are waited for, and left alone. */
  readonly alreadyFrozen: readonly string[];
  /** Milliseconds that the whole freeze may take. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Counts the cgroups that do not freeze, instead of failing. */
  readonly counts?: boolean;
}

/** Freezes cgroups, and notes the result of each. */
export class CgroupFreeze {
  readonly #options: CgroupFreezeOptions;
  readonly #end: number;
  /** All cgroups that were to be frozen. */
  readonly all: string[] = [];
  /** Cgroups whose freeze was requested. */
  readonly requested: string[] = [];
  /** Cgroups that were removed meanwhile. */
  readonly gone: string[] = [];
  /** Cgroups whose freeze is requested, and that are not frozen yet. */
  pending: string[];
  readonly #failed: string[] = [];
  #sweepMs = 0;
  #waitMs = 0;

  constructor(options: CgroupFreezeOptions) {
    this.#options = options;
    this.#end = performance.now() + options.limitMs;
    this.pending = [];
  }

  /**
   * Freezes these cgroups, too. Resolves to false if they are not all frozen at the limit and the
   * cgroups are counted; throws without the count, and if the signal is aborted.
   */
  async add(paths: readonly string[]): Promise<boolean> {
    const { limitMs, alreadyFrozen, signal, counts } = this.#options;
    this.all.push(...paths);
    const start = performance.now();
    for (const path of paths) this.#request(path);
    const requested = performance.now();
    this.#sweepMs += requested - start;
    this.pending.push(...alreadyFrozen);
    const left = Math.max(0, this.#end - requested);
    const whole = await waitFor(() => this.#areFrozen(), left, signal);
    this.#waitMs += performance.now() - requested;
    const pending = this.pending.join(", ");
    // The freeze of the guest itself is not counted.
    this.pending = this.pending.filter((path) => !alreadyFrozen.includes(path));
    if (signal.aborted) {
      throw new Error("Cannot freeze the workload: the prepare was aborted");
    }
    if (whole || counts) return whole;
    throw new Error(
      `Cannot freeze the workload: ${pending} not frozen within ${limitMs} ms`,
    );
  }

  /** The counts for the effect; undefined if the prepare did not ask for them. */
  get counted(): Effect | undefined {
    if (!this.#options.counts) return undefined;
    return {
      notFrozen: this.pending,
      failed: this.#failed,
      sweepMs: this.#sweepMs,
      waitMs: this.#waitMs,
    };
  }

  #request(path: string): void {
    try {
      if (requestFreezer(path, true)) {
        this.requested.push(path);
        this.pending.push(path);
      } else this.gone.push(path);
    } catch (error) {
      if (!this.#options.counts) throw error;
      this.#failed.push(`${path}: ${messageOf(error)}`);
    }
  }

  #areFrozen(): boolean {
    this.pending = this.pending.filter((path) =>
      freezerState(path)?.frozen === false
    );
    return this.pending.length === 0;
  }
}
