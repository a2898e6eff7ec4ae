/**
 * How errors are worded, and how durations are measured.
 * @module
 */

/** Milliseconds since a time of performance.now(), to the microsecond. */
export function since(start: number): number {
  return Math.round((performance.now() - start) * 1000) / 1000;
}

/** The message of an error, or the text of any other thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
