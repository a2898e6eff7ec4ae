/**
 * Finds hook scripts: executable files in directories, called with the argument
 * `freeze` or `thaw`. Scripts for the QEMU guest agent's fsfreeze-hook.d run
 * unmodified.
 * @module
 */
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Variables } from "../identity/env_file.ts";
import { errorText, hasCode } from "../util/errors.ts";
import type { Hook, Policy } from "./hook.ts";

/**
 * Files that are not hooks: hidden files, and the backup files of editors and
 * package managers that the QEMU guest agent's fsfreeze-hook ignores.
 */
const IGNORED = /^\.|~$|\.(bak|orig|rpmnew|rpmorig|rpmsave|sample|dpkg-[^.]*)$/;

/** Where scripts are, and how they are called. */
interface ScriptOptions {
  /** The directories, in the order of calls. A missing directory has no scripts. */
  readonly directories: readonly string[];
  /** Milliseconds that each script may take. */
  readonly limitMs: number;
  /** Names or paths of scripts whose failure does not abort the prepare. */
  readonly continueOn?: readonly string[];
  /** Reads the variables of this fork, just before a call. */
  readonly variables?: () => Variables;
}

/**
 * Finds the scripts, as hooks. The scripts of each directory are sorted by their
 * names, independent of the locale. Throws if a directory exists and cannot be
 * read: silently skipping its hooks would be worse.
 */
export function findScripts(options: ScriptOptions): Hook[] {
  return options.directories.flatMap((directory) =>
    executablesIn(directory).map((path) => scriptHook(path, options))
  );
}

function scriptHook(path: string, options: ScriptOptions): Hook {
  const name = basename(path);
  const { limitMs, continueOn = [] } = options;
  const policy: Policy = continueOn.includes(name) || continueOn.includes(path)
    ? "continue"
    : "abort";
  return {
    name,
    kind: "script",
    limitMs,
    policy,
    at: path,
    async call(event, limits) {
      // A guest without scripts does not load what starts them.
      const { runScript } = await import("./process.ts");
      const ran = await runScript(path, event, limits, options.variables);
      return { name, kind: "script", ...ran };
    },
  };
}

function executablesIn(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw new Error(
      `Cannot read the hooks in ${directory}: ${errorText(error)}`,
    );
  }
  return names
    .filter((name) => !IGNORED.test(name))
    .sort((a, b) => a < b ? -1 : 1)
    .map((name) => join(directory, name))
    .filter(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    const stats = statSync(path);
    // Not access(2): an executable file that cannot run, for example on a filesystem
    // that is mounted noexec, is a hook and fails when it is called.
    return stats.isFile() && (stats.mode & 0o111) !== 0;
  } catch (error) {
    // A broken link is not a hook.
    if (hasCode(error, "ENOENT", "EACCES", "ELOOP")) return false;
    throw new Error(
      `Cannot read the status of hook ${path}: ${errorText(error)}`,
    );
  }
}
