/**
 * `lull install`: what it is told, what it says, how it ends.
 * @module
 */
import { basename } from "node:path";
import process from "node:process";
import { errorCode, messageOf } from "../util/errors.ts";
import { InstallError } from "./error.ts";
import { install, type Line } from "./install.ts";

/** What the command line says. */
export interface InstallRequest {
  readonly root: string;
  /** The binary, if not the one that runs. */
  readonly binary: string | undefined;
}

/** Installs and says so line by line; gives back the exit code, 0 or 1. */
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

/** Fails where this process runs from sources: its program is the runtime. */
function runningBinary(): string {
  const path = process.execPath;
  if (!/^(bun|deno|node)\b/.test(basename(path))) return path;
  throw new InstallError(
    `Cannot install ${path}: it runs the sources of Lull and is not Lull, name the compiled binary with --binary FILE`,
  );
}

function textOf({ what, path, why }: Line): string {
  const subject = path === undefined ? why : why ? `${path}: ${why}` : path;
  return `${what.padEnd("unchanged".length)}  ${subject}`;
}
