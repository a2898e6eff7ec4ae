/**
 * The code and the text of an error, and the measurement of durations.
 * @module
 */

/** Returns the milliseconds since a time of performance.now(), with a resolution of 1 µs. */
export function since(start: number): number {
  return Math.round((performance.now() - start) * 1000) / 1000;
}

/** Returns the message of an error, or the text of any other thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the code of a system error, for example ENOENT; undefined if there is none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** True if the error has one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
}

/** Returns the result of the action; undefined if the action fails with one of these codes. */
export function resultUnless<T>(
  codes: readonly string[],
  action: () => T,
): T | undefined {
  try {
    return action();
  } catch (error) {
    if (hasCode(error, ...codes)) return undefined;
    throw error;
  }
}

/** Returns the code if there is one, else the message: messages differ between the runtimes. */
export function errorText(error: unknown): string {
  return errorCode(error) ?? messageOf(error);
}
