/**
 * Repair `credentials`: puts the secrets that the host gave this fork into files. Step
 * `wipe-credentials`: removes them before a snapshot.
 * @module
 */
import { existsSync } from "node:fs";
import type { CredentialFiles } from "../identity/credentials.ts";
import type { Credential } from "../lifecycle/request.ts";
import type { Done, Repair, Skipped, Step } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";

interface CredentialsOptions {
  readonly libc: Libc;
  /** The directory of the files. */
  readonly directory: string;
}

/** The repair and the step. The code that does the work is loaded when a host sends secrets. */
export function credentialSteps(
  { libc, directory }: CredentialsOptions,
): { readonly repair: Repair; readonly wipe: Step } {
  let files: CredentialFiles | undefined;
  const load = async () => {
    const { CredentialFiles } = await import("../identity/credentials.ts");
    return files ??= new CredentialFiles(libc, directory);
  };

  /** Effect: `files`, how many, and `directory`. */
  async function write(credentials: ReadonlyMap<string, Credential>) {
    (await load()).write(credentials);
    return { files: credentials.size, directory };
  }

  /**
   * Effect: `files`, how many were overwritten. There is no undo: after a prepare that fails later,
   * the host sends the secrets again.
   */
  async function wipe(): Promise<Done | Skipped> {
    const files = await load();
    if (!files.exist) return { skipped: "there are no credentials" };
    return { effect: { files: files.wipe() } };
  }

  return {
    repair: {
      repair({ request: { credentials } }) {
        if (credentials === undefined) {
          return { skipped: "no credentials were given" };
        }
        return write(credentials);
      },
    },
    wipe: {
      quiesce() {
        // A killed agent may have written files.
        if (existsSync(directory)) return wipe();
        return { skipped: "there are no credentials" };
      },
    },
  };
}
