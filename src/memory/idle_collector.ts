/**
 * Collects garbage while the agent is idle. Bun's own timer for collections is off, because it
 * would wake a quiesced guest for half a minute. This collector returns memory while the agent
 * runs.
 * @module
 */
import { timeout } from "../util/timeout.ts";
import type { Runtime } from "../runtime/types.ts";

/** Milliseconds without work before a collection. */
const QUIET_MS = 3000;
/** Milliseconds until a collection if there is always work. */
const LONGEST_MS = 30_000;

/** Collects once after work, and again only after more work. */
export class IdleCollector {
  readonly #collect: Runtime["collect"];
  readonly #quietMs: number;
  readonly #longestMs: number;
  readonly #onError: (error: unknown) => void;
  /** Cancels the next check. */
  #cancel: (() => void) | undefined;
  #lastWork = 0;
  #firstWork = 0;
  #isPaused = false;

  constructor(options: {
    readonly collect: Runtime["collect"];
    readonly onError: (error: unknown) => void;
    readonly quietMs?: number;
    readonly longestMs?: number;
  }) {
    this.#collect = options.collect;
    this.#onError = options.onError;
    this.#quietMs = options.quietMs ?? QUIET_MS;
    this.#longestMs = options.longestMs ?? LONGEST_MS;
  }

  /** Must be called after work that made garbage. */
  worked(): void {
    if (this.#isPaused) return;
    this.#lastWork = performance.now();
    if (this.#cancel !== undefined) return;
    this.#firstWork = this.#lastWork;
    this.#arm(this.#quietMs);
  }

  /** Stops the timer and all collections until {@linkcode resume}. */
  pause(): void {
    this.#isPaused = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /**
   * Starts again. The garbage of the time before counts as work, unless it was collected since
   * {@linkcode pause}. A collection touches the whole heap: a fork without a request pays for none.
   */
  resume(wasCollected: boolean): void {
    this.#isPaused = false;
    if (!wasCollected) this.worked();
  }

  #arm(ms: number): void {
    this.#cancel = timeout(ms, () => this.#check());
  }

  #check(): void {
    const now = performance.now();
    const quiet = now - this.#lastWork;
    const waited = now - this.#firstWork;
    if (quiet < this.#quietMs && waited < this.#longestMs) {
      return this.#arm(this.#quietMs - quiet);
    }
    this.#cancel = undefined;
    this.#collect().catch(this.#onError);
  }
}
