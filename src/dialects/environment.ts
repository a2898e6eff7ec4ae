/**
 * The variables that a host sends for the workload: the recovery adds them to the file `env` of the
 * runtime directory.
 * @module
 */
import * as v from "valibot";
import { canHold, type Variables } from "../identity/env_file.ts";
import type { RecoverRequest } from "../lifecycle/request.ts";
import { isJsonObject } from "../util/json_input.ts";

/** The schema of the variables. An error does not repeat their names, and no name is dropped. */
export const EnvVars = v.nullish(v.custom<Variables>(
  (value) =>
    isJsonObject(value) &&
    Object.values(value).every((text) => typeof text === "string"),
  "texts by their names",
));

/** The user and the directory in which the host wants programs to run. */
export interface Defaults {
  readonly defaultUser?: string | null;
  readonly defaultWorkdir?: string | null;
}

/** The data of a recovery, and what it cannot have. */
export interface Environment {
  /** The variables, for the request; nothing if the host sent none. */
  readonly data: Pick<RecoverRequest, "env" | "addsEnv">;
  /** How many variables the file cannot have. */
  readonly refused: number;
}

/** Makes the data of a recovery that keeps all former variables. An empty default changes nothing. */
export function environmentOf(
  variables: Variables | null | undefined,
  { defaultUser, defaultWorkdir }: Defaults,
): Environment {
  const wanted = Object.entries({
    ...variables,
    ...defaultUser ? { DEFAULT_USER: defaultUser } : {},
    ...defaultWorkdir ? { DEFAULT_WORKDIR: defaultWorkdir } : {},
  });
  const kept = wanted.filter(([name, value]) => canHold(name, value));
  return {
    data: kept.length > 0
      ? { env: Object.fromEntries(kept), addsEnv: true }
      : {},
    refused: wanted.length - kept.length,
  };
}
