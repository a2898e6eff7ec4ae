/**
 * The log of the port subsystem.
 * @module
 */
import type { Log } from "../log/mod.ts";

/** The methods of a logger that the port subsystem uses. */
export type PortLog = Pick<Log, "info" | "warn">;

/** Logs the errors of scans, but an error only once as long as each scan fails in the same way. */
export class ScanErrors {
  readonly #log: PortLog;
  #last: string | undefined;

  constructor(log: PortLog) {
    this.#log = log;
  }

  /** Logs the error of a scan that failed. */
  report(text: string): void {
    if (text !== this.#last) this.#log.warn(text);
    this.#last = text;
  }

  /** Must be called after a scan that did not fail. */
  clear(): void {
    this.#last = undefined;
  }
}
