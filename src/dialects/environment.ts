/**
 * The variables that a host sends for the workload: the recovery adds them to the file `env` of the
 * runtime directory.
 * @module
 */
import * as v from "valibot";
import {
  canHold,
  envFileOf,
  fits,
  MOST_WORDS,
  readEnvFile,
  type Variables,
} from "../identity/env_file.ts";
import type { RecoverRequest } from "../lifecycle/request.ts";
import { ProblemError } from "../http/routes/problem.ts";
import { isJsonObject } from "../util/json_input.ts";

/** The schema of the variables. An error does not repeat their names, and no name is dropped. */
export const EnvVars = v.nullish(v.custom<Variables>(
  (value) =>
    isJsonObject(value) &&
    Object.values(value).every((text) => typeof text === "string"),
  "texts by their names",
));

/**
 * Makes the schema of a body to which a later host may add fields. The reply says which of them are
 * not applied.
 */
export function openFields<const E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    // An array is no object here.
    v.custom<Readonly<Record<string, unknown>>>(isJsonObject, "a JSON object"),
    v.looseObject(entries),
  );
}

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
  /** The error of the call after its recovery: with the former variables, its own are too many. */
  readonly problem?: ProblemError;
}

/**
 * Makes the data of a recovery that keeps all former variables, which are in the runtime directory.
 * An empty default changes nothing.
 */
export function environmentOf(
  variables: Variables | null | undefined,
  { defaultUser, defaultWorkdir }: Defaults,
  runtimeDirectory: string,
): Environment {
  const wanted = Object.entries({
    ...variables,
    ...defaultUser ? { DEFAULT_USER: defaultUser } : {},
    ...defaultWorkdir ? { DEFAULT_WORKDIR: defaultWorkdir } : {},
  });
  const kept = wanted.filter(([name, value]) => canHold(name, value));
  const refused = wanted.length - kept.length;
  if (kept.length === 0) return { data: {}, refused };
  const env = Object.fromEntries(kept);
  if (fits({ ...formerVariables(runtimeDirectory), ...env })) {
    return { data: { env, addsEnv: true }, refused };
  }
  const expected = `${MOST_WORDS}, with those of former calls`;
  const errors = [{ path: "envVars", expected }];
  return {
    data: {},
    refused,
    problem: new ProblemError("invalid-input", { errors }),
  };
}

/** The variables of former calls; none if they cannot be read: the recovery then says why. */
function formerVariables(runtimeDirectory: string): Variables {
  try {
    return readEnvFile(envFileOf(runtimeDirectory));
  } catch {
    return {};
  }
}
