/**
 * What the workers of a forwarder have counted: the present one, and those that have ended.
 * @module
 */
import { endEarly } from "../util/within.ts";
import { type Counts, NO_COUNTS, sumOf } from "./counts.ts";

/** How long the worker may take to count, in milliseconds. */
const COUNT_LIMIT_MS = 1000;

/** The counts of a forwarder. */
export interface PortCounts {
  readonly ports: ReadonlyMap<number, Counts>;
  /** Of all ports since the start of the agent. */
  readonly totals: Counts;
}

/** Keeps the counts. */
export class WorkerCounts {
  readonly #waiting = new Set<() => void>();
  /** The counts of workers that have ended, and what the present one has told last. */
  #past = NO_COUNTS;
  #told: PortCounts = { ports: new Map(), totals: NO_COUNTS };

  /** The last known numbers. */
  get known(): PortCounts {
    const { ports, totals } = this.#told;
    return { ports, totals: sumOf(this.#past, totals) };
  }

  /** Asks the worker, and resolves when it has told, at `endWaiting`, or after a second. */
  wait(ask: () => void): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const cancel = endEarly({ limitMs: COUNT_LIMIT_MS }, done);
      this.#waiting.add(done);
      ask();
    });
  }

  /** The worker has counted. */
  tell(counts: PortCounts): void {
    this.#told = counts;
    this.endWaiting();
  }

  /** The worker has counted a last time. */
  tellTotals(totals: Counts): void {
    this.#told = { ...this.#told, totals };
  }

  /** Ends all waits: a caller that still waits at a recovery loses its reply. */
  endWaiting(): void {
    for (const done of this.#waiting) done();
  }

  /** Forgets the worker; its counts stay in the totals. */
  forget(): void {
    this.endWaiting();
    this.#past = sumOf(this.#past, { ...this.#told.totals, open: 0 });
    this.#told = { ports: new Map(), totals: NO_COUNTS };
  }
}
