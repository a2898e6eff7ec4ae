/**
 * How errors of the system are worded.
 * @module
 */

/** The code of a system error such as ENOENT, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The code if there is one, because messages differ between the runtimes. */
export function errorText(error: unknown): string {
  return errorCode(error) ??
    (error instanceof Error ? error.message : String(error));
}
