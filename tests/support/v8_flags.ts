/**
 * V8's flags for an agent on Deno, from the one place that has them.
 * @module
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The flag `--v8-flags=...` of the task `start` in deno.json. */
export function v8Flags(): string {
  const path = fileURLToPath(new URL("../../deno.json", import.meta.url).href);
  const { tasks } = JSON.parse(readFileSync(path, "utf8"));
  const flag = /--v8-flags=\S+/.exec(tasks.start)?.[0];
  if (flag === undefined) {
    throw new Error("Cannot find V8's flags in deno.json");
  }
  return flag;
}
