/** Why nothing, or not all, was installed; a whole sentence for the user. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}
