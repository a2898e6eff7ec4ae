/**
 * What kind of program a hook's file is, and why the kernel does not run it:
 * execve(2) has one code for many causes, and names the hook where its
 * interpreter is missing.
 * @module
 */
import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { errorCode, errorText, hasCode, messageOf } from "../util/errors.ts";
import { readElf } from "../linux/elf.ts";
import { errnoName } from "../linux/libc.ts";
import { foreignMachine, hasOtherFormats, headOf, isElf } from "./file_head.ts";

/** How many interpreters the kernel follows, one to the next. */
const MOST_INTERPRETERS = 5;

/** How a file is run: a script by its interpreter, a text without one by a shell. */
export type Way = "program" | "script" | "by a shell";

/**
 * Whether to run a file as it is, or by a shell as execvp(3) does with a text
 * without `#!`. Throws for what is neither: a C library would give it to a
 * shell, which runs a foreign program's bytes as commands.
 */
export function wayToRun(path: string): Way {
  const head = headOf(path);
  if (head === undefined) return "program";
  const { bytes, line, interpreter } = head;
  if (interpreter !== undefined) return "script";
  if (isElf(bytes)) {
    const foreign = foreignMachine(bytes);
    if (foreign === undefined || hasOtherFormats()) return "program";
    throw new Error(`it ${foreign}`);
  }
  if (!line.includes("\0")) return "by a shell";
  if (hasOtherFormats()) return "program";
  throw new Error("it is neither a script nor a program of this machine");
}

/** The words for a file that could not be run, the same on every runtime. */
export function whyNotRun(path: string, error: unknown): string {
  const code = spawnErrorCode(error);
  const why = faultOf(path, "it") ?? FALLBACKS[code ?? ""] ??
    code ?? messageOf(error);
  return `Cannot run ${path}: ${why}`;
}

/**
 * What a failed script's exit code may come from, beside the script itself:
 * line ends that its interpreter does not know, a program that env(1) does not
 * find in this PATH. Undefined if it is neither.
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
  // env(1): 127 is for a program that is not found.
  if (exitCode !== 127 || basename(interpreter ?? "") !== "env") return;
  const program = argument?.split(/[ \t]+/).find((word) =>
    !word.startsWith("-") && !word.includes("=")
  );
  if (program === undefined || isFound(program, searchPath)) return undefined;
  return `its interpreter ${program} is not in PATH=${searchPath}: ${INSTALL}`;
}

const INSTALL = "install it, or correct the first line of the script";

/** Where the file itself does not tell. */
const FALLBACKS: Partial<Record<string, string>> = {
  EACCES:
    "the kernel refuses it (EACCES): its filesystem may be mounted noexec",
  ENOEXEC:
    "the kernel does not know its format (ENOEXEC): it may be damaged, or for another machine",
  ETXTBSY:
    "it, or its interpreter, is open for writing (ETXTBSY): let its writer end, or replace it by renaming",
  ELOOP: "there are too many interpreters, or symbolic links, in a row (ELOOP)",
};

/** What is wrong with a file, or with its interpreter; `who` is its subject. */
function faultOf(path: string, who: string, depth = 0): string | undefined {
  const remedy = depth === 0 ? "" : `: ${INSTALL}`;
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return `${who} is a directory${remedy}`;
    if (!stats.isFile()) return `${who} is not a file${remedy}`;
    if ((stats.mode & 0o111) === 0) {
      return `${who} is not executable: allow it (chmod +x ${path})`;
    }
  } catch (error) {
    return hasCode(error, "ENOENT", "ENOTDIR")
      ? `${who} does not exist${remedy}`
      : `${who} cannot be looked at (${errorText(error)})${remedy}`;
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
    return `${whose} lines end in CRLF, so that the kernel looks for an interpreter "${named}\\r": ${
      toLf(path)
    }`;
  }
  if (depth === MOST_INTERPRETERS) return undefined;
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
  return `the loader ${loader} that ${who} needs does not exist: install the C library that it was built for, or a static program`;
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
 * The code of an error of a process start. Deno gives some of these errors without a code: the
 * number is in the message only.
 */
export function spawnErrorCode(error: unknown): string | undefined {
  const [, number] = /\(os error (\d+)\)/.exec(messageOf(error)) ?? [];
  return errorCode(error) ??
    (number === undefined ? undefined : errnoName(Number(number)));
}
