/**
 * The error of an installation.
 * @module
 */

/** The installation failed or is incomplete. The message is one sentence for the user. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}
