/**
 * Repair: writes the variables that the host gave this fork, for hooks and other programs.
 * @module
 */
import { readEnvFile, writeEnvFile } from "../identity/env_file.ts";
import type { Repair } from "../lifecycle/step.ts";

/** Effect: `variables`, how many, and `path`. Runs before the hooks, which get the variables. */
export function envRepair(path: string): Repair {
  return {
    repair({ request: { env, addsEnv } }) {
      if (env === undefined) return { skipped: "no variables were given" };
      const all = addsEnv ? { ...readEnvFile(path), ...env } : env;
      writeEnvFile(path, all);
      return { variables: Object.keys(all).length, path };
    },
  };
}
