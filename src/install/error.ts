/** The installation failed or is incomplete. The message is one sentence for the user. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

/** The code of an error of node:fs; its message if it has no code. */
export function codeOf(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  return code ?? message ?? String(error);
}
