/**
 * The variables that a host sends for the workload: the recovery writes them to the file `env` of the
 * runtime directory.
 * @module
 */
import {
  envFileOf,
  readEnvFile,
  type Variables,
} from "../identity/env_file.ts";

/** The names that a shell and systemd accept. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The user and the directory in which the host wants programs to run. */
export interface Defaults {
  readonly defaultUser?: string | null;
  readonly defaultWorkdir?: string | null;
}

/** The data of a recovery, and what it cannot have. */
export interface Environment {
  /** All variables, also the former ones; undefined if the host sent none. */
  readonly env?: Variables;
  /** The names of the variables that the file cannot have. */
  readonly refused: readonly string[];
}

/** Adds the variables to those that are kept already. An empty default changes nothing. */
export function environmentOf(
  runtimeDirectory: string,
  variables: Variables | null | undefined,
  { defaultUser, defaultWorkdir }: Defaults,
): Environment {
  const wanted = {
    ...variables,
    ...defaultUser ? { DEFAULT_USER: defaultUser } : {},
    ...defaultWorkdir ? { DEFAULT_WORKDIR: defaultWorkdir } : {},
  };
  const entries = Object.entries(wanted);
  const canHave = ([name, value]: [string, string]) =>
    NAME.test(name) && !value.includes("\0");
  const kept = entries.filter(canHave);
  const refused = entries.filter((entry) => !canHave(entry))
    .map(([name]) => name);
  if (kept.length === 0) return { refused };
  const former = readEnvFile(envFileOf(runtimeDirectory));
  return { env: { ...former, ...Object.fromEntries(kept) }, refused };
}
