/**
 * What makes the first recovery as fast as later ones, after the start.
 * @module
 */
import { after } from "./after.ts";
import type { Materials } from "./compose.ts";
import { canPageOut, type ProgramPages } from "./linux/memory_page_out.ts";
import type { NextTurn } from "./next_turn.ts";
import { type RehearsalOptions, rehearse } from "./rehearsal.ts";

/** How long it waits for a first request, in milliseconds. */
const WAIT_MS = 1000;

/** What a warm-up needs. */
export interface WarmUpOptions {
  /** `rehearse` of the module `rehearsal`, with all that it needs. */
  readonly rehearse: () => Promise<readonly string[]>;
  /** Undefined where the program stays in memory as it is. */
  readonly program: Pick<ProgramPages, "pageOut" | "learn"> | undefined;
  /** Hears what of a recovery will not work. */
  readonly warn: (why: string) => void;
  /** Hears why the warm-up itself did not work. */
  readonly onError: (error: unknown) => void;
  /** Whether a prepare has begun: it is not disturbed any more. */
  readonly prepared: () => boolean;
  readonly nextTurn: Pick<NextTurn, "do">;
}

/**
 * Comes when the first reply has left, which so waits for nothing; without a
 * request after a second. What waits for {@linkcode working} meets no rehearsal.
 */
export class WarmUp {
  readonly #options: WarmUpOptions;
  #waiting = false;
  #noRequest = () => {};
  #working: Promise<void> | undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /** Undefined while no rehearsal is going on; never rejects. */
  get working(): Promise<void> | undefined {
    return this.#working;
  }

  /** To be called once the agent serves. */
  start(): void {
    this.#waiting = true;
    this.#noRequest = after(WAIT_MS, () => this.#begin());
  }

  /** To be called as a reply leaves. */
  replied(): void {
    if (!this.#waiting) return;
    this.#noRequest();
    this.#options.nextTurn.do(() => this.#begin());
  }

  #begin(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    if (this.#options.prepared()) return;
    this.#working = this.#work().finally(() => this.#working = undefined);
  }

  /**
   * Rehearses, so that a host can still do something about what cannot work here;
   * has what only the start needed leave the memory, which no snapshot shall carry;
   * and rehearses once more: what comes back for that, stays.
   */
  async #work(): Promise<void> {
    const { rehearse, program, warn, onError } = this.#options;
    try {
      for (const why of await rehearse()) warn(why);
      if (program === undefined) return;
      program.pageOut();
      await rehearse();
      program.learn();
    } catch (error) {
      onError(error);
    }
  }
}

/** A warm-up of the real agent; the rest is what it is not made from alone. */
export function makeWarmUp(
  { config, libc, program, generationFile, ...materials }: Materials,
  { askHealth, ...rest }:
    & Pick<RehearsalOptions, "askHealth">
    & Omit<WarmUpOptions, "rehearse" | "program">,
): WarmUp {
  const { runtimeDirectory } = config;
  return new WarmUp({
    ...rest,
    async rehearse() {
      const all = { ...materials, libc, runtimeDirectory, askHealth };
      const failures = await rehearse(all);
      generationFile.ready();
      return failures;
    },
    program: config.pageOut !== "never" && canPageOut(libc)
      ? program
      : undefined,
  });
}
