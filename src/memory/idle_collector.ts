/**
 * Collection in quiet moments. Bun's own timer is off, because it would wake a
 * quiesced guest for half a minute; so somebody has to give memory back while
 * the agent runs, and it is this.
 * @module
 */
import { timeout } from "../util/timeout.ts";
import type { Runtime } from "../runtime/types.ts";

/** Quiet time after work before a collection, in milliseconds. */
const QUIET_MS = 3000;
/** Under work that never pauses, a collection comes after this time. */
const PATIENCE_MS = 30_000;

/** Collects once after work, then rests until there is work again. */
export class IdleCollector {
  readonly #collect: Runtime["collect"];
  readonly #quietMs: number;
  readonly #patienceMs: number;
  readonly #onError: (error: unknown) => void;
  /** Calls off the look that is to come. */
  #callOff: (() => void) | undefined;
  #lastWork = 0;
  #firstWork = 0;
  #resting = false;

  constructor(options: {
    readonly collect: Runtime["collect"];
    readonly onError: (error: unknown) => void;
    readonly quietMs?: number;
    readonly patienceMs?: number;
  }) {
    this.#collect = options.collect;
    this.#onError = options.onError;
    this.#quietMs = options.quietMs ?? QUIET_MS;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** Notes that something made garbage. */
  worked(): void {
    if (this.#resting) return;
    this.#lastWork = performance.now();
    if (this.#callOff !== undefined) return;
    this.#firstWork = this.#lastWork;
    this.#arm(this.#quietMs);
  }

  /** No timer and no collection until {@linkcode resume}. */
  rest(): void {
    this.#resting = true;
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Takes up work again; what the rest left behind counts as work. */
  resume(): void {
    this.#resting = false;
    this.worked();
  }

  #arm(ms: number): void {
    this.#callOff = timeout(ms, () => this.#look());
  }

  #look(): void {
    const now = performance.now();
    const quiet = now - this.#lastWork;
    const waited = now - this.#firstWork;
    if (quiet < this.#quietMs && waited < this.#patienceMs) {
      return this.#arm(this.#quietMs - quiet);
    }
    this.#callOff = undefined;
    this.#collect().catch(this.#onError);
  }
}
