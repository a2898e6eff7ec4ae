import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** How to run a program to its end. */
export interface RunOptions {
  /** The folder it runs in. */
  readonly cwd?: string;
  /** Variables on top of this process's environment. */
  readonly env?: Record<string, string>;
  /** What it reads on its standard input. */
  readonly input?: string | Uint8Array;
}

/** The absolute path of a program, or undefined; sbin is searched too, which a user's PATH may lack. */
export function which(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const folder of [...folders, "/usr/sbin", "/sbin"]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder; the next one may have it.
    }
  }
  return undefined;
}

/** Why a test is skipped that needs these programs; false if all are installed. */
export function without(...programs: string[]): string | false {
  const missing = programs.find((name) => which(name) === undefined);
  return missing === undefined ? false : `${missing} is not installed`;
}

/** Runs a program to its end and gives its output; an Error with its last words if it fails. */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Uint8Array {
  const result = spawnSync(which(program) ?? program, [...args], {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: "C", ...options.env },
    input: options.input,
    maxBuffer: 1 << 30,
  });
  if (result.error) {
    throw new Error(`Cannot run ${program}: ${result.error.message}`);
  }
  if (result.status !== 0) {
    const words = `${result.stderr}`.trim().split("\n").slice(-3).join(" / ");
    throw new Error(
      `Cannot run ${program} ${args.slice(0, 3).join(" ")}: exit code ${
        result.status ?? result.signal
      }, ${words}`,
    );
  }
  return result.stdout;
}

/** As `run`, as text without the last line break. */
export function runText(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): string {
  return new TextDecoder().decode(run(program, args, options)).trimEnd();
}
