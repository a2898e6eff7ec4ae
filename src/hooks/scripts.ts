/**
 * Hook scripts: executable files in directories, in the format of the QEMU
 * guest agent's fsfreeze-hook.d, called with `freeze` or `thaw`.
 * @module
 */
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { errorText, hasCode } from "../util/errors.ts";
import type { Hook, Policy } from "./hook.ts";
import { runScript } from "./process.ts";

/**
 * What editors and packagers leave lying around: the list of the QEMU guest
 * agent's fsfreeze-hook, and hidden files, which its `*` does not match either.
 */
const IGNORED = /^\.|~$|\.(bak|orig|rpmnew|rpmorig|rpmsave|sample|dpkg-[^.]*)$/;

/** How scripts are called. */
export interface ScriptOptions {
  /** Looked through in this order; one that does not exist has no scripts. */
  readonly directories: readonly string[];
  /** Milliseconds that each may take. */
  readonly limitMs: number;
  /** Names, or whole paths, of scripts whose failure stops nothing. */
  readonly continueOn?: readonly string[];
}

/**
 * The scripts that there are now, as hooks: directory by directory, in each by
 * the bytes of their names, whatever the locale. Fails on a directory that
 * exists and cannot be read: a hook that is silently left out is worse.
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
    async call(facts, limits) {
      const ran = await runScript(path, facts, limits);
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
    // Not access(2): a file that was meant to run and cannot, for instance from
    // a filesystem that is mounted noexec, fails when it is called.
    return stats.isFile() && (stats.mode & 0o111) !== 0;
  } catch (error) {
    // A link to nothing is no hook.
    if (hasCode(error, "ENOENT", "EACCES", "ELOOP")) return false;
    throw new Error(`Cannot look at hook ${path}: ${errorText(error)}`);
  }
}
