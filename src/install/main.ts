/**
 * `lull install`: its arguments, its output and its exit code.
 * @module
 */
import { basename } from "node:path";
import process from "node:process";
import { errorCode, messageOf } from "../util/errors.ts";
import { InstallError } from "./error.ts";
import { install, type Line } from "./install.ts";

/** The parsed command line of `lull install`. */
export interface InstallRequest {
  /** The root directory of the tree. */
  readonly root: string;
  /** The path of the binary; undefined stands for the running binary. */
  readonly binary: string | undefined;
}

/** Installs, prints a line for each file, and returns the exit code, 0 or 1. */
export function runInstall({ root, binary }: InstallRequest): number {
  try {
    install({
      root,
      binary: binary ?? runningBinary(),
      onLine: (line) => console.log(textOf(line)),
    });
    return 0;
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof InstallError) console.error(`lull: ${message}`);
    else if (errorCode(error) === undefined) throw error;
    else console.error(`lull: Cannot install into ${root}: ${message}`);
    return 1;
  }
}

/**
 * Returns the path of the running binary. Throws an InstallError if Lull runs from
 * its sources, because the running program is then the runtime.
 */
function runningBinary(): string {
  const path = process.execPath;
  if (!/^(bun|deno|node)\b/.test(basename(path))) return path;
  throw new InstallError(
    `Cannot install ${path}: it is the runtime that runs the sources of Lull; name the compiled binary with --binary FILE`,
  );
}

function textOf({ what, path, why }: Line): string {
  const subject = path === undefined ? why : why ? `${path}: ${why}` : path;
  return `${what.padEnd("unchanged".length)}  ${subject}`;
}
