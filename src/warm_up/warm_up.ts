/**
 * The work after the start that makes the first real recovery as fast as later ones.
 * @module
 */
import type { WorkingSet } from "../memory/working_set.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import { timeout } from "../util/timeout.ts";

/** How long the warm-up waits for a first request, in milliseconds. */
const WAIT_MS = 1000;

/** What a warm-up needs. */
export interface WarmUpOptions {
  /** Performs a dry run; resolves with a sentence for each part of a recovery that failed. */
  readonly dryRun: () => Promise<readonly string[]>;
  /** Undefined if the program stays in memory as it is. */
  readonly program: Pick<WorkingSet, "pageOut" | "record"> | undefined;
  /** Gets the sentences of the first dry run. */
  readonly warn: (why: string) => void;
  /** Gets the reason if the warm-up itself failed. */
  readonly onError: (error: unknown) => void;
  readonly queue: Pick<DeferredQueue, "defer">;
}

/**
 * The warm-up begins when the first reply has left, so that no reply waits for it, or one second
 * after the start if there is no request. Requests that change the agent wait until it has ended.
 */
export class WarmUp {
  readonly #options: WarmUpOptions;
  #state: "early" | "waiting" | "begun" = "early";
  #stopWaiting = () => {};
  #working: Promise<void> | undefined;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /**
   * Begins the warm-up if it has not begun, and resolves when it has ended; never rejects. A
   * prepare that did not wait for it would page out what every fork then reads back. Undefined if
   * the warm-up has ended. If this is called before {@linkcode start}, there is no warm-up at all:
   * it would disturb the caller.
   */
  ended(): Promise<void> | undefined {
    this.#begin();
    this.#state = "begun";
    return this.#working;
  }

  /** Call this as soon as the agent serves. */
  start(): void {
    if (this.#state !== "early") return;
    this.#state = "waiting";
    this.#stopWaiting = timeout(WAIT_MS, () => this.#begin());
  }

  /** Call this when a reply leaves. */
  replied(): void {
    if (this.#state !== "waiting") return;
    this.#options.queue.defer(() => this.#begin());
  }

  #begin(): void {
    if (this.#state !== "waiting") return;
    this.#state = "begun";
    this.#stopWaiting();
    this.#working = this.#work().finally(() => this.#working = undefined);
  }

  /**
   * Performs a dry run and reports its failures, so that the host can still act on them. Then pages
   * out the program, and performs a second dry run: the pages that come back for it are those that
   * a recovery needs, and they stay. Pages that only the start needed are in no snapshot.
   */
  async #work(): Promise<void> {
    const { dryRun, program, warn, onError } = this.#options;
    try {
      for (const why of await dryRun()) warn(why);
      if (program === undefined) return;
      program.pageOut();
      await dryRun();
      program.record();
    } catch (error) {
      onError(error);
    }
  }
}
