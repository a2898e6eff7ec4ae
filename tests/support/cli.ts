/**
 * Runs Lull's command line from its sources, on the runtime of the test.
 */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url).href);

/** What a run ended with. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end; `before` is a command that runs a command. */
export function runLull(
  args: readonly string[],
  options: {
    readonly before?: readonly string[];
    readonly env?: Record<string, string>;
  } = {},
): Ran {
  const isDeno = basename(process.execPath).startsWith("deno");
  const [command, ...rest] = [
    ...options.before ?? [],
    process.execPath,
    "run",
    ...isDeno ? ["-A", "--no-check", "--cached-only"] : [],
    MAIN,
    ...args,
  ];
  const { error, status, stdout, stderr } = spawnSync(command, rest, {
    encoding: "utf8",
    timeout: 30_000,
    env: { ...process.env, ...options.env },
  });
  if (error) throw error;
  return { code: status, stdout, stderr };
}
