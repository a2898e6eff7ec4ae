/**
 * `lull install`: its arguments, its output and its exit code.
 * @module
 */
import { basename } from "node:path";
import process from "node:process";
import type { PreloadName } from "../config/preloads.ts";
import { errorCode, messageOf } from "../util/errors.ts";
import { InstallError } from "./error.ts";
import { install } from "./install.ts";
import type { Line } from "./line.ts";
import { installPreloads, uninstallPreloads } from "./preload/install.ts";
import { uninstall } from "./uninstall.ts";

/** The parsed command line of `lull install`. */
export interface InstallRequest {
  /** The root directory of the tree. */
  readonly root: string;
  /** The path of the binary; undefined stands for the running binary. */
  readonly binary: string | undefined;
  /** The preloads to install or remove, and nothing else. */
  readonly preload?: readonly PreloadName[];
  /** Removes what an install wrote. */
  readonly uninstall: boolean;
  /** Changes nothing. */
  readonly dryRun: boolean;
}

/** Installs or uninstalls, prints a line for each file, and returns the exit code, 0 or 1. */
export function runInstall(request: InstallRequest): number {
  const { root, binary, preload, dryRun } = request;
  const onLine = (line: Line) => console.log(textOf(line, dryRun));
  try {
    if (preload !== undefined) {
      const options = { root, dryRun, onLine, names: preload };
      if (!request.uninstall) installPreloads(options);
      else if (!uninstallPreloads(options)) {
        onLine({ what: "note", why: "the tree has no such preload" });
      }
    } else if (request.uninstall) uninstall({ root, dryRun, onLine });
    else install({ root, dryRun, onLine, binary: binary ?? runningBinary() });
    return 0;
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof InstallError) console.error(`lull: ${message}`);
    else if (errorCode(error) === undefined) throw error;
    else {
      const action = request.uninstall ? "uninstall from" : "install into";
      console.error(`lull: Cannot ${action} ${root}: ${message}`);
    }
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

/** The words of a dry run for what it does not do. */
const WOULD: Partial<Record<Line["what"], string>> = {
  written: "to write",
  removed: "to remove",
};

function textOf({ what, path, why }: Line, dryRun: boolean): string {
  const subject = path === undefined ? why : why ? `${path}: ${why}` : path;
  const word = dryRun ? WOULD[what] ?? what : what;
  return `${word.padEnd("unchanged".length)}  ${subject}`;
}
