/**
 * Repair: writes the variables that the host gave this fork, for hooks and other programs.
 * @module
 */
import { writeEnvFile } from "../identity/env_file.ts";
import type { Repair } from "../lifecycle/step.ts";

/** Effect: `variables`, how many, and `path`. Runs before the hooks, which get the variables. */
export function envRepair(path: string): Repair {
  return {
    repair({ request: { env } }) {
      if (env === undefined) return { skipped: "no variables were given" };
      writeEnvFile(path, env);
      return { variables: Object.keys(env).length, path };
    },
  };
}
