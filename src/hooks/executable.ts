/**
 * Finds out what kind of program a hook's file is, and why the kernel does not run
 * it. The error of execve(2) alone does not suffice: one code has many causes, and
 * ENOENT for a missing interpreter looks like a missing hook.
 * @module
 */
import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { errnoName } from "../util/errno.ts";
import { errorCode, errorText, hasCode, messageOf } from "../util/errors.ts";
import { readElf } from "../linux/elf.ts";
import { foreignMachine, hasOtherFormats, headOf, isElf } from "./file_head.ts";

/** The maximum number of nested interpreters that the kernel follows. */
const MAX_INTERPRETERS = 5;

/**
 * How a file is run: a program directly, a script by the interpreter of its `#!`
 * line, and a text without such a line by a shell.
 */
type RunMethod = "program" | "script" | "shell";

/**
 * Chooses how to run a file. A text without `#!` is run by a shell, as execvp(3)
 * does. Throws if the file is neither a script nor a program of this machine: a C
 * library gives such a file to a shell, which runs its bytes as commands.
 */
export function runMethodOf(path: string): RunMethod {
  const head = headOf(path);
  if (head === undefined) return "program";
  const { bytes, line, interpreter } = head;
  if (interpreter !== undefined) return "script";
  if (isElf(bytes)) {
    const foreign = foreignMachine(bytes);
    if (foreign === undefined || hasOtherFormats()) return "program";
    throw new Error(`it ${foreign}`);
  }
  if (!line.includes("\0")) return "shell";
  if (hasOtherFormats()) return "program";
  throw new Error("it is neither a script nor a program of this machine");
}

/** The error text for a file that could not be run, the same on every runtime. */
export function whyNotRun(path: string, error: unknown): string {
  const code = spawnErrorCode(error);
  const why = faultOf(path, "it") ?? FALLBACKS[code ?? ""] ??
    code ?? messageOf(error);
  return `Cannot run ${path}: ${why}`;
}

/**
 * Finds a cause of a script's exit code outside the script: CRLF line ends, which
 * interpreters do not understand, or a program that env(1) does not find in
 * `searchPath`. Returns undefined if it finds no such cause.
 */
export function hintFor(
  path: string,
  exitCode: number,
  searchPath: string,
): string | undefined {
  const head = headOf(path);
  if (head === undefined || isElf(head.bytes)) return undefined;
  if (head.line.endsWith("\r")) return `its lines end in CRLF: ${toLf(path)}`;
  const { interpreter, argument } = head;
  // env(1) exits with 127 if it does not find the program.
  if (exitCode !== 127 || basename(interpreter ?? "") !== "env") return;
  const program = argument?.split(/[ \t]+/).find((word) =>
    !word.startsWith("-") && !word.includes("=")
  );
  if (program === undefined || isFound(program, searchPath)) return undefined;
  return `its interpreter ${program} is not in PATH=${searchPath}: ${INSTALL}`;
}

const INSTALL = "install it, or correct the first line of the script";

/** Causes by error code, for a file that does not show the cause itself. */
const FALLBACKS: Partial<Record<string, string>> = {
  EACCES:
    "the kernel refuses to run it (EACCES): its filesystem may be mounted noexec",
  ENOEXEC:
    "the kernel does not know its format (ENOEXEC): it may be damaged, or a program for another machine",
  ETXTBSY:
    "it or its interpreter is open for writing (ETXTBSY): close it, or replace it by renaming a new file",
  ELOOP: "there are too many nested interpreters or symbolic links (ELOOP)",
};

/**
 * Describes what is wrong with a file or with its interpreter, undefined if nothing
 * is. `who` is the subject of the description.
 */
function faultOf(path: string, who: string, depth = 0): string | undefined {
  const remedy = depth === 0 ? "" : `: ${INSTALL}`;
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return `${who} is a directory${remedy}`;
    if (!stats.isFile()) return `${who} is not a file${remedy}`;
    if ((stats.mode & 0o111) === 0) {
      return `${who} is not executable: make it executable (chmod +x ${path})`;
    }
  } catch (error) {
    return hasCode(error, "ENOENT", "ENOTDIR")
      ? `${who} does not exist${remedy}`
      : `the agent cannot read ${who} (${errorText(error)})${remedy}`;
  }
  const head = headOf(path);
  if (head === undefined) return undefined;
  const { interpreter, line } = head;
  if (interpreter === undefined) {
    return isElf(head.bytes) ? elfFault(path, who, head.bytes) : undefined;
  }
  const next = depth === 0
    ? `its interpreter ${interpreter}`
    : `the interpreter ${interpreter} of ${path}`;
  if (line.endsWith("\r") && head.argument === undefined) {
    const named = interpreter.slice(0, -1);
    const whose = depth === 0 ? "its" : `${path}'s`;
    return `${whose} lines end in CRLF, therefore the kernel looks for an interpreter "${named}\\r": ${
      toLf(path)
    }`;
  }
  if (depth === MAX_INTERPRETERS) return undefined;
  return faultOf(resolve("/", interpreter), next, depth + 1);
}

function elfFault(
  path: string,
  who: string,
  bytes: Uint8Array,
): string | undefined {
  const foreign = foreignMachine(bytes);
  if (foreign !== undefined) return `${who} ${foreign}`;
  const loader = readElf(path)?.interpreter;
  if (loader === undefined || exists(loader)) return undefined;
  return `the loader ${loader} that ${who} needs does not exist: install the C library that the program was built for, or a static program`;
}

function toLf(path: string): string {
  return `convert them to LF (sed -i 's/\\r$//' ${path})`;
}

function isFound(program: string, searchPath: string): boolean {
  return searchPath.split(":").some((directory) =>
    exists(resolve("/", directory, program))
  );
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * The code of an error of a process start. Deno gives some of these errors only a
 * number, in the message.
 */
export function spawnErrorCode(error: unknown): string | undefined {
  const [, number] = /\(os error (\d+)\)/.exec(messageOf(error)) ?? [];
  return errorCode(error) ??
    (number === undefined ? undefined : errnoName(Number(number)));
}
