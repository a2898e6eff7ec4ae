/**
 * V8's flags and the environment for an agent on Deno, from the one place that has them.
 * @module
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The flag `--v8-flags=...` of the task `start` in deno.json. */
export function v8Flags(): string {
  const flag = /--v8-flags=\S+/.exec(startTask())?.[0];
  if (flag === undefined) {
    throw new Error("Cannot find V8's flags in deno.json");
  }
  return flag;
}

/** The variables that the task sets, as a shell writes them. */
export function denoVariables(): string[] {
  const [before] = startTask().split("deno run");
  return before.trim().split(" ");
}

function startTask(): string {
  const path = fileURLToPath(new URL("../../deno.json", import.meta.url).href);
  return JSON.parse(readFileSync(path, "utf8")).tasks.start;
}
