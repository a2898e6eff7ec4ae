/**
 * What makes the first recovery as fast as later ones, after the start.
 * @module
 */
import { timeout } from "../util/timeout.ts";
import { canPageOut, type WorkingSet } from "../memory/working_set.ts";
import { type Components, sourcesOf } from "../agent/components.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import { dryRun, type DryRunOptions } from "./dry_run.ts";

/** How long it waits for a first request, in milliseconds. */
const WAIT_MS = 1000;

/** What a warm-up needs. */
export interface WarmUpOptions {
  /** `rehearse` of the module `rehearsal`, with all that it needs. */
  readonly rehearse: () => Promise<readonly string[]>;
  /** Undefined where the program stays in memory as it is. */
  readonly program: Pick<WorkingSet, "pageOut" | "record"> | undefined;
  /** Hears what of a recovery will not work. */
  readonly warn: (why: string) => void;
  /** Hears why the warm-up itself did not work. */
  readonly onError: (error: unknown) => void;
  readonly queue: Pick<DeferredQueue, "defer">;
}

/**
 * Comes when the first reply has left, which so waits for nothing; without a
 * request after a second. Whatever changes the agent waits for it.
 */
export class WarmUp {
  readonly #options: WarmUpOptions;
  #state: "early" | "waiting" | "begun" = "early";
  #noRequest = () => {};
  #working: Promise<void> | undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /**
   * Its end; it begins now if it has not: a prepare without it would put out of
   * memory what every fork then reads back. Undefined where it has ended; never
   * rejects. It never comes where this is asked before the start: it would disturb
   * who has asked.
   */
  ended(): Promise<void> | undefined {
    this.#begin();
    this.#state = "begun";
    return this.#working;
  }

  /** To be called once the agent serves. */
  start(): void {
    if (this.#state !== "early") return;
    this.#state = "waiting";
    this.#noRequest = timeout(WAIT_MS, () => this.#begin());
  }

  /** To be called as a reply leaves. */
  replied(): void {
    if (this.#state !== "waiting") return;
    this.#options.queue.defer(() => this.#begin());
  }

  #begin(): void {
    if (this.#state !== "waiting") return;
    this.#state = "begun";
    this.#noRequest();
    this.#working = this.#work().finally(() => this.#working = undefined);
  }

  /**
   * Rehearses, so that a host can still do something about what cannot work here; has what only the start needed leave the
   * memory, which no snapshot shall carry; and rehearses once more: what comes back
   * for that, stays.
   */
  async #work(): Promise<void> {
    const { rehearse, program, warn, onError } = this.#options;
    try {
      for (const why of await rehearse()) warn(why);
      if (program === undefined) return;
      program.pageOut();
      await rehearse();
      program.record();
    } catch (error) {
      onError(error);
    }
  }
}

/** A warm-up of the real agent; the rest is what it is not made from alone. */
export function createWarmUp(
  { config, libc, program, generationFile, ...components }: Components,
  { hold, askHealth, evidence, healthMayRecover, guard, ...rest }:
    & Pick<
      DryRunOptions,
      "hold" | "askHealth" | "evidence" | "healthMayRecover" | "guard"
    >
    & Omit<WarmUpOptions, "rehearse" | "program" | "queue">,
): WarmUp {
  let times = 0;
  const all: DryRunOptions = {
    ...components,
    // A guest's programs may be connected or not: both are gone through.
    hold: () => times++ % 2 === 0 ? hold() : () => {},
    ...{ libc, askHealth, evidence, healthMayRecover, guard },
    sources: sourcesOf(components),
    runtimeDirectory: config.runtimeDirectory,
  };
  return new WarmUp({
    ...rest,
    queue: components.queue,
    async rehearse() {
      const failures = await dryRun(all);
      generationFile.ready();
      return failures;
    },
    program: config.pageOut !== "never" && canPageOut(libc)
      ? program
      : undefined,
  });
}
