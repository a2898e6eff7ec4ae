/**
 * Writes files atomically: each file is written under another name in the same
 * directory and then renamed.
 * @module
 */
import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorText } from "../util/errors.ts";
import { InstallError } from "./error.ts";
import { entryAt } from "./tree.ts";

const CHUNK_BYTES = 1 << 20;

/** The content of a file to write. */
export type Content =
  | { readonly text: string }
  /** The path of a file to copy. */
  | { readonly file: string };

/** Writes a file with this content and mode. Replaces an existing file or link. */
export function writeWhole(
  path: string,
  content: Content,
  mode: number,
): void {
  replace(path, (temporary) => {
    if ("text" in content) {
      writeFileSync(temporary, content.text, { flag: "wx" });
    } else copyFileSync(content.file, temporary, constants.COPYFILE_EXCL);
    const file = openSync(temporary, "r+");
    try {
      fchmodSync(file, mode); // not the umask's mode, nor the mode of the source
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  });
}

/** Creates a symbolic link. Replaces an existing file or link. */
export function linkWhole(path: string, target: string): void {
  replace(path, (temporary) => symlinkSync(target, temporary));
}

/** The text of a file; undefined if the path is not a regular file. */
export function readText(path: string): string | undefined {
  if (!entryAt(path)?.isFile()) return undefined;
  return readFileSync(path, "utf8");
}

function replace(path: string, make: (temporary: string) => void): void {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    rmSync(temporary, { force: true }); // a killed install may have left it
    make(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new InstallError(`Cannot write ${path}: ${errorText(error)}`);
  }
}

/** Whether a file has this content and mode already. */
export function isUpToDate(
  path: string,
  content: Content,
  mode: number,
): boolean {
  const entry = entryAt(path);
  if (!entry?.isFile() || (entry.mode & 0o7777) !== mode) return false;
  if ("text" in content) return readFileSync(path, "utf8") === content.text;
  return haveSameBytes(path, content.file);
}

function haveSameBytes(one: string, other: string): boolean {
  if (statSync(one).size !== statSync(other).size) return false;
  const files = [openSync(one, "r"), openSync(other, "r")];
  const chunks = files.map(() => new Uint8Array(CHUNK_BYTES));
  try {
    for (;;) {
      const [read, same] = files.map((file, i) =>
        readSync(file, chunks[i], 0, CHUNK_BYTES, null)
      );
      if (read !== same) return false;
      if (read === 0) return true;
      const [one, other] = chunks.map((chunk) => chunk.subarray(0, read));
      // Native code, because comparing a hundred megabytes in JavaScript takes seconds.
      if (Buffer.compare(one, other) !== 0) return false;
    }
  } finally {
    files.forEach(closeSync);
  }
}
