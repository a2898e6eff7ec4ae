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

/** The path of the file in the runtime directory. */
export function envFileOf(runtimeDirectory: string): string {
  return join(runtimeDirectory, "env");
}

/** Replaces the file; readers see the former variables or all of the new ones. */
export function writeEnvFile(path: string, variables: Variables): void {
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
