/**
 * The file with the variables that the host gave this fork. A shell and systemd
 * (EnvironmentFile=, systemd.exec(5)) read it, and hooks get its variables.
 * @module
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode, resultUnless } from "../util/errors.ts";

/** Variables by their names. */
export type Variables = Readonly<Record<string, string>>;

/** The names that a shell and systemd accept. */
export const VARIABLE_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";
/** Text without control characters, except for tabs and line breaks: systemd refuses them. */
export const VARIABLE_VALUE = "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$";
/** Hooks get these from Lull, or find their programs by them. */
export const RESERVED_NAMES = "^(?:LULL_.*|PATH|TRACEPARENT)$";

/**
 * The most bytes of all names and values together. Hooks get them all: for the variables and the
 * arguments of a program, a kernel has 128 KiB at least (execve(2)).
 */
export const MOST_BYTES = 122_880;
/** The limit, for errors. */
export const MOST_WORDS = `at most ${MOST_BYTES / 1024} KiB of variables`;

/** Whether the file can have this variable, so that each program reads the same value. */
export function canHold(name: string, value: string): boolean {
  return new RegExp(VARIABLE_NAME).test(name) &&
    new RegExp(VARIABLE_VALUE).test(value) && value.isWellFormed();
}

/** The path of the file in the runtime directory. */
export function envFileOf(runtimeDirectory: string): string {
  return join(runtimeDirectory, "env");
}

/** Whether the file can have all these variables together. */
export function fits(variables: Variables): boolean {
  // A program gets each variable as NAME=value and a zero byte (execve(2)).
  const all = Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\0`).join("");
  return new TextEncoder().encode(all).length <= MOST_BYTES;
}

/**
 * Replaces the file; readers see the former variables or all of the new ones. If the new ones are too
 * many, it throws, and the former ones stay.
 */
export function writeEnvFile(path: string, variables: Variables): void {
  if (!fits(variables)) {
    throw new Error(
      `Cannot keep the variables: the file may have ${MOST_WORDS}`,
    );
  }
  const next = `${path}.new`;
  const write = () => writeFileSync(next, envText(variables), { mode: 0o644 });
  try {
    write();
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o755 });
    write();
  }
  renameSync(next, path);
}

/** Reads the file; no variables if there is no file. Lines that this module does not write are ignored. */
export function readEnvFile(path: string): Record<string, string> {
  const text = resultUnless(["ENOENT"], () => readFileSync(path, "utf8"));
  const found = (text ?? "").matchAll(
    /^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\[^])*)"$/gm,
  );
  return Object.fromEntries(
    [...found].map((
      [, name, quoted],
    ) => [name, quoted.replace(/\\([^])/g, "$1")]),
  );
}

/** Reads the variables for hooks. The host of a dialect may have sent names that hooks get from Lull. */
export function readHookVariables(path: string): Variables {
  const reserved = new RegExp(RESERVED_NAMES);
  return Object.fromEntries(
    Object.entries(readEnvFile(path)).filter(([name]) => !reserved.test(name)),
  );
}

/**
 * The text of the file. A double-quoted value means the same to a shell and to systemd: a
 * backslash stands before the four characters that are special there, and a line break is itself.
 */
export function envText(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) =>
      `${name}="${value.replace(/["\\$`]/g, (special) => `\\${special}`)}"\n`
    )
    .join("");
}
