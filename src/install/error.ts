/** Why nothing, or not all, was installed; a whole sentence for the user. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

/** The code of an error of node:fs, or what there is of it. */
export function codeOf(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  return code ?? message ?? String(error);
}
