/**
 * Keeps the variables that a host sends for the workload, in the file `env` of the runtime directory.
 * @module
 */
import {
  envFileOf,
  readEnvFile,
  type Variables,
  writeEnvFile,
} from "../identity/env_file.ts";

/** The names that a shell and systemd accept. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The variables of the user and of the directory in which the host wants programs to run. */
export interface Defaults {
  readonly defaultUser?: string | null;
  readonly defaultWorkdir?: string | null;
}

/**
 * Adds the variables to those that are kept already. An empty default changes nothing. Returns the
 * names of the variables that were not kept, because the file cannot have such a variable.
 */
export function keepVariables(
  runtimeDirectory: string,
  variables: Variables | null | undefined,
  { defaultUser, defaultWorkdir }: Defaults,
): string[] {
  const wanted = {
    ...variables,
    ...defaultUser ? { DEFAULT_USER: defaultUser } : {},
    ...defaultWorkdir ? { DEFAULT_WORKDIR: defaultWorkdir } : {},
  };
  const entries = Object.entries(wanted);
  const isKept = ([name, value]: [string, string]) =>
    NAME.test(name) && !value.includes("\0");
  const kept = Object.fromEntries(entries.filter(isKept));
  if (Object.keys(kept).length > 0) {
    const path = envFileOf(runtimeDirectory);
    writeEnvFile(path, { ...readEnvFile(path), ...kept });
  }
  return entries.filter((entry) => !isKept(entry)).map(([name]) => name);
}
